"""Training both domains together under a meta-learner."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow import keras

from tfxdr.backbones.base import JointBackbone
from tfxdr.data.joint.batches import JointBatches, behavior_batches
from tfxdr.data.joint.examples import JointData
from tfxdr.evaluation import BehaviorWeights
from tfxdr.layers.pair_bias import PairBias
from tfxdr.meta_learners import MetaLearner
from tfxdr.models.joint import JointModel
from tfxdr.ops.tracing import graph_of
from tfxdr.registry import Spec
from tfxdr.training.parameters import Parameters
from tfxdr.training.stage import SecondStage, Stage
from tfxdr.types import FIRST_ITEM, JointBatch, JointSizes

_BEHAVIORS = 4096  # weighed at a time
_UPPER_BATCHES = 10  # held-out rows that the upper level sees at a time


def build_joint(
    backbone: Spec,
    meta: MetaLearner,
    sizes: JointSizes,
    seed: int,
    *,
    counts: np.ndarray | None = None,
    biases: PairBias | None = None,
) -> JointModel:
    """A joint model and its meta-learner with their first weights.

    Args:
      backbone: a joint one.
      meta: gets what depends on the backbone's sizes.
      sizes: of the tables, `JointData.sizes`.
      seed: of random weights.
      counts: of the target items, if it learns a ranking; see `JointModel`.
      biases: of the target domain's pairs, likewise.

    Raises:
      TypeError: if the backbone is none of a joint model.
    """
    keras.utils.set_random_seed(seed)
    layer = backbone.build(sizes=sizes)
    if not isinstance(layer, JointBackbone):
        raise TypeError(
            f"backbone {backbone.name} should be a JointBackbone, it is a "
            f"{type(layer).__name__}"
        )
    model = JointModel(layer, counts=counts, biases=biases)
    meta.build(layer)
    return model


class JointStage(Stage):
    """A joint model, what weighs its source behaviors, and its validation.

    Args:
      model: what is trained.
      meta: decides what a source behavior is worth.
      batches: training rows.
      judge: gives the metrics of the validation split.
      searches: whether another model is trained by what is found.

    Attributes:
      learner: has learned what the behaviors are worth; kept with the model.
      found: what every behavior is worth after the last epoch, if the stage
        searches and behaviors are told apart. A model is at its best while
        weights are still learned, and has overfitted when they are.
    """

    name = "joint"
    model: JointModel
    batches: JointBatches

    def __init__(
        self,
        model: JointModel,
        meta: MetaLearner,
        batches: JointBatches,
        judge: Callable[[], dict[str, float]],
        *,
        searches: bool = False,
    ) -> None:
        self.model = model
        self.batches = batches
        self.meta = self.learner = meta
        self.searches = searches
        self.found: BehaviorWeights | None = None
        self._judge = judge

    @property
    def parameters(self) -> Parameters:
        """Those of the model: what the meta-learner has moves apart."""
        return Parameters(new=self.model.variables_to_train)

    def validate(self) -> dict[str, float]:
        return self._judge()

    def gradients(
        self, batch: JointBatch, variables: Sequence[tf.Variable]
    ) -> tuple[tf.Tensor, tf.Tensor, list]:
        loss, gradients = self.meta.gradients(self.model, batch, variables)
        return loss, tf.shape(batch.user)[0], gradients

    def after_step(self, batch: JointBatch) -> None:
        """Every `interval` steps after the warm-up the upper level follows."""
        meta = self.meta
        steps, epoch = int(batch.step) + 1 - meta.warm_up, int(batch.epoch)
        if not meta.interval or steps <= 0 or steps % meta.interval:
            return
        number = steps // meta.interval - 1
        size = _UPPER_BATCHES * self.batches.batch_size
        held_out = self.batches.held_out(number, size, epoch)
        if meta.matched:
            users = held_out.user.numpy() - FIRST_ITEM
            batch = self.batches.of_users(users, number, epoch)
        meta.update(self.model, batch, held_out)

    def end(self) -> None:
        if self.searches:
            data = self.batches.data
            users = np.arange(len(data.target.items))
            self.found = weigh_behaviors(
                self.model, self.meta, data, users, _BEHAVIORS
            )

    @property
    def companion(self) -> tf.Module:
        return self.meta


class RetrainStage(SecondStage, JointStage):
    """A new model, by what another one's meta-learner has found.

    Args:
      parts: of a `JointStage`: a model with its first weights, a meta-learner
        that holds what was found, rows of which nothing need be kept out, and
        a judge.
      searched: the stage in which it was found.
      epochs: for how many that has learned.
    """

    def __init__(self, *parts: Any, searched: JointStage, epochs: int) -> None:
        super().__init__(*parts)
        self.learner = searched.learner
        self.first_epochs = epochs


def weigh_behaviors(
    model: JointModel,
    meta: MetaLearner,
    data: JointData,
    users: np.ndarray,
    batch_size: int,
) -> BehaviorWeights | None:
    """What each source behavior of some users is worth.

    Args:
      model: trained.
      meta: trained with it.
      data: the examples.
      users: `[n]` rows of `Users`.
      batch_size: behaviors at a time.

    Returns:
      None if the meta-learner does not tell behaviors apart.
    """
    importance = None
    parts: list[tuple[np.ndarray, ...]] = []
    for batch, owner, _ in behavior_batches(data, users, batch_size):
        if importance is None:
            if meta.importance(model, batch) is None:
                return None
            importance = graph_of(
                lambda rows: meta.importance(model, rows),
                meta,
                model,
                reduce_retracing=True,
            )
        kept = slice(len(owner))
        parts.append(
            (
                owner,
                batch.source.item.numpy()[kept],
                batch.source.category.numpy()[kept],
                importance(batch).numpy()[kept],
            )
        )
    if not parts:
        return None
    return BehaviorWeights(*map(np.concatenate, _columns(parts)))


def _columns(parts: Iterable[tuple[np.ndarray, ...]]) -> Iterable[tuple]:
    return zip(*parts, strict=True)
