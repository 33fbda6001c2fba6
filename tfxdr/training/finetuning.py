"""Fine-tuning for the target domain under a policy."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence
from typing import NamedTuple, Protocol

import numpy as np
import tensorflow as tf
from tensorflow import keras

from tfxdr.data.batches import FinetuneBatches
from tfxdr.data.splits import VALIDATION
from tfxdr.evaluation import Actions, action_metrics
from tfxdr.models.transfer import TransferModel
from tfxdr.ops.tracing import graph_of
from tfxdr.training.parameters import ParameterGroups, Parameters
from tfxdr.training.stage import SecondStage, Stage
from tfxdr.types import Batch, Decider, Scorer

Weights = Sequence[tuple[tf.Variable, np.ndarray]]


class Judge(Protocol):
    """What picks the epoch."""

    def validate(self, scores: Scorer) -> dict[str, float]:
        """Metrics of the validation split."""
        ...

    def actions(self, decide: Decider, split: int) -> Actions:
        """What a policy decides for the users of a split."""
        ...


class Shortcut(NamedTuple):
    """What trains and validates in place of a model, and moves its variables.

    Attributes:
      model: gives the loss and the scores.
      batches: as many as the model's own, of the same instances and draws.
      judge: gives the same metrics.
    """

    model: TransferModel
    batches: FinetuneBatches
    judge: Judge


class FinetuneStage(Stage):
    """A transfer model, and its validation.

    Args:
      model: what is trained.
      batches: training instances.
      judge: gives the metrics.
      pretrained: whether the backbone's weights were pre-trained.
      shortcut: makes one from the weights that training starts from, if there
        is one.

    Attributes:
      earlier: what gives its optimizers what those of an earlier run knew, if
        there is one; called once.
    """

    name = "finetune"
    model: TransferModel
    batches: FinetuneBatches

    def __init__(
        self,
        model: TransferModel,
        batches: FinetuneBatches,
        judge: Judge,
        *,
        pretrained: bool,
        shortcut: Callable[[], Shortcut | None] = lambda: None,
    ) -> None:
        self.model = model
        self.batches = batches
        self.judge = judge
        self.pretrained = pretrained
        self.earlier: Callable[[ParameterGroups], None] | None = None
        self._shortcut = shortcut
        self._trained = model
        self.scores = self._seen = scorer(model)
        self.decide = decider(model)

    @property
    def parameters(self) -> Parameters:
        """Of pre-training, of the policy, and new ones."""
        slow = self.model.pretrained_variables if self.pretrained else []
        policy = self.model.policy_variables
        known = {id(variable) for variable in (*slow, *policy)}
        new = [v for v in self.model.trainable_variables if id(v) not in known]
        return Parameters(slow, policy, new)

    def weights_beside_policy(self) -> Weights:
        """Of all else that trains, as they are now."""
        moved = self.parameters
        return [(v, v.numpy()) for v in (*moved.pretrained, *moved.new)]

    @property
    def components(self) -> list[object]:
        loss = self.model.instance_loss
        inside = [x for x in vars(loss).values() if isinstance(x, tf.Module)]
        return [*super().components, loss, *inside]

    def prepare(self, parameters: ParameterGroups) -> None:
        """Takes over what is known of the parameters, if anything is."""
        if self.earlier is not None:
            self.earlier(parameters)
            self.earlier = None  # It holds another model.

    def begin(self) -> None:
        """Takes the shortcut, if there is one."""
        found = self._shortcut()
        if found is not None:
            self._trained, self.batches, self.judge = found
            self._seen = scorer(found.model)

    def batch_loss(self, batch: Batch) -> tuple[tf.Tensor, tf.Tensor]:
        """That of what is trained: the model, or its shortcut."""
        return self._trained.batch_loss(batch)

    def validate(self) -> dict[str, float]:
        """Metrics and, if users have actions, what these are like."""
        metrics = self.judge.validate(self._seen)
        if self.model.is_routed:
            actions = self.judge.actions(self.decide, VALIDATION)
            if self.model.policy.is_hard and not actions.is_hard:
                raise ValueError(
                    f"{type(self.model.policy).__name__} says is_hard, but "
                    "its actions at inference are not all 0 or 1"
                )
            metrics |= action_metrics(actions)
        return metrics


class RetrainStage(SecondStage, FinetuneStage):
    """The same model once more, under what its policy has learned to decide.

    While a policy learns, towers and head learn from users whom it treats
    wrongly, and remember them. With little data that is not undone by the time
    it decides well: they start anew and the policy stays, as an architecture
    that was searched for is trained again from the start (DARTS, Liu et al.
    2019). UAF has no such step.

    Args:
      searched: the stage in which the policy has learned, after its training.
      first: its `weights_beside_policy` before that.
      epochs: for how many the policy has learned.
    """

    def __init__(
        self, searched: FinetuneStage, first: Weights, *, epochs: int
    ) -> None:
        super().__init__(
            searched.model,
            searched.batches,
            searched.judge,
            pretrained=searched.pretrained,
        )
        give_back(first)
        for block in self.model.backbone.blocks:
            block.hard_in_training = block.hard  # it has no gradient any more
        self.first_epochs = epochs

    @property
    def parameters(self) -> Parameters:
        """Those of fine-tuning without the policy's."""
        return dataclasses.replace(super().parameters, policy=())

    def batch_loss(self, batch: Batch) -> tuple[tf.Tensor, tf.Tensor]:
        """That of the policy's decisions."""
        return self.model.decided_loss(batch)


def give_back(weights: Weights) -> None:
    """Variables have these weights again."""
    for variable, values in weights:
        variable.assign(values)


def scorer(model: keras.Model) -> tf.types.experimental.GenericFunction:
    """The model's logits as one graph for histories of every size."""
    return graph_of(
        model.call,
        model,
        input_signature=[tf.TensorSpec([None, None], tf.int32)],
    )


def decider(model: TransferModel) -> tf.types.experimental.GenericFunction:
    """The model's actions as one graph for histories of every size."""
    return graph_of(
        model.actions,
        model,
        input_signature=[tf.TensorSpec([None, None], tf.int32)],
    )
