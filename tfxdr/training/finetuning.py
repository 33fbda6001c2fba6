"""Fine-tuning for the target domain under a policy."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import tensorflow as tf
from tensorflow import keras

from tfxdr.data.batches import FinetuneBatches
from tfxdr.data.splits import VALIDATION
from tfxdr.evaluation import Actions, action_metrics
from tfxdr.models.transfer import TransferModel
from tfxdr.training.history import History
from tfxdr.training.loop import Loop, LoopSettings, Stage
from tfxdr.training.parameters import OptimizerSettings, ParameterGroups
from tfxdr.training.progress import Progress
from tfxdr.types import Scorer


class Judge(Protocol):
    """What picks the epoch."""

    def validate(self, scores: Scorer) -> dict[str, float]:
        """Metrics of the validation split."""
        ...

    def actions(
        self, decide: Callable[[np.ndarray], Any], split: int
    ) -> Actions:
        """What a policy decides for the users of a split."""
        ...


class FinetuneStage(Stage):
    """A transfer model, and its validation.

    Args:
      model: what is trained.
      batches: training instances.
      judge: gives the metrics.
    """

    name = "finetune"

    def __init__(
        self, model: TransferModel, batches: FinetuneBatches, judge: Judge
    ) -> None:
        self.model = model
        self.batches = batches
        self._judge = judge
        self._scores = scorer(model)
        self._decide = decider(model)

    def validate(self) -> dict[str, float]:
        """Metrics and, if users have actions, what these are like."""
        metrics = self._judge.validate(self._scores)
        if self.model.is_routed:
            actions = self._judge.actions(self._decide, VALIDATION)
            if self.model.policy.is_hard and not actions.is_hard:
                raise ValueError(
                    f"{type(self.model.policy).__name__} says is_hard, but "
                    "its actions at inference are not all 0 or 1"
                )
            metrics |= action_metrics(actions)
        return metrics


def scorer(model: keras.Model) -> tf.types.experimental.GenericFunction:
    """The model's logits as one graph for histories of every size."""
    return tf.function(
        model.call, input_signature=[tf.TensorSpec([None, None], tf.int32)]
    )


def decider(model: TransferModel) -> tf.types.experimental.GenericFunction:
    """The model's actions as one graph for histories of every size."""
    return tf.function(
        model.actions, input_signature=[tf.TensorSpec([None, None], tf.int32)]
    )


def finetune(
    model: TransferModel,
    batches: FinetuneBatches,
    judge: Judge,
    *,
    optimizer: OptimizerSettings,
    settings: LoopSettings,
    callbacks: Sequence[keras.callbacks.Callback] = (),
    pretrained: bool,
    run_folder: Path,
    resume: bool,
    progress: Progress,
) -> Mapping[str, float]:
    """Trains the model and leaves it with its best weights.

    Args:
      model: as `build_model` made it.
      batches: training instances.
      judge: of the validation split.
      optimizer: how parameters move.
      settings: when to stop.
      callbacks: what goes along.
      pretrained: whether the backbone's weights were pre-trained.
      run_folder: holds checkpoints and history.
      resume: go on from the run's checkpoint.
      progress: what the person sees.

    Returns:
      Metrics of the best epoch, `best_epoch`, `epochs` and `seconds`.

    Raises:
      TrainingError: if the loss is not finite.
    """
    slow = model.pretrained_variables if pretrained else []
    policy = model.policy_variables
    known = {id(variable) for variable in (*slow, *policy)}
    parameters = ParameterGroups(
        optimizer,
        pretrained=slow,
        policy=policy,
        new=[v for v in model.trainable_variables if id(v) not in known],
        total_steps=settings.epochs * batches.steps,
    )
    stage = FinetuneStage(model, batches, judge)
    loop = Loop(
        stage,
        parameters,
        settings,
        callbacks=callbacks,
        folder=run_folder / "checkpoints" / stage.name,
        history=History(run_folder),
        progress=progress,
    )
    return loop.run(resume=resume)
