"""What a loop trains, and on what."""

from __future__ import annotations

import abc
from collections.abc import Sequence
from typing import Any, Protocol

import tensorflow as tf
from tensorflow import keras

from tfxdr.ops import parts
from tfxdr.training.parameters import ParameterGroups, Parameters


class Batches(Protocol):
    """Training input that can start anywhere."""

    steps: int

    def epoch(self, epoch: int, first_step: int = 0) -> tf.data.Dataset: ...


class Stage(abc.ABC):
    """What a stage trains and how it is judged.

    Attributes:
      name: of the stage.
      model: what is kept; its own `batch_loss(batch)` is what a step
        descends on, unless a stage says otherwise.
      batches: the training input.
    """

    name: str
    model: keras.Model
    batches: Batches

    @abc.abstractmethod
    def validate(self) -> dict[str, float]:
        """Metrics on the validation split."""

    @property
    def parameters(self) -> Parameters:
        """What moves, by where it comes from; all is new by default."""
        return Parameters(new=self.model.trainable_variables)

    def gradients(
        self, batch: Any, variables: Sequence[tf.Variable]
    ) -> tuple[tf.Tensor, tf.Tensor, list]:
        """A step's loss, its number of instances, and its direction.

        Args:
          batch: of the training input, or a part of one.
          variables: what moves.

        Returns:
          Two scalars, and one gradient, or `None`, for each variable. Those
          of the parts of a batch add up to those of the batch.
        """
        with tf.GradientTape() as tape:
            mean, count = self.batch_loss(batch)
            loss = parts.weighed(mean, count)
        return loss, count, tape.gradient(loss, list(variables))

    def batch_loss(self, batch: Any) -> tuple[tf.Tensor, tf.Tensor]:
        """The mean loss of a batch's instances, and their number."""
        return self.model.batch_loss(batch)

    def prepare(self, parameters: ParameterGroups) -> None:
        """Gives new optimizers what they are to know; nothing by default."""
        del parameters

    def begin(self) -> None:
        """What comes before the first step; nothing by default."""
        return

    def after_step(self, batch: Any) -> None:
        """What follows each step, outside its graph; nothing by default."""
        del batch

    def end(self) -> None:
        """What the last epoch's weights are asked, before the best one's come
        back; nothing by default."""
        return

    @property
    def checkpoints(self) -> str:
        """The name of the folder of its checkpoints."""
        return self.name

    @property
    def components(self) -> list[object]:
        """Whose code a step runs through, this stage's own included."""
        return [self, self.model, self.companion]

    @property
    def companion(self) -> tf.Module:
        """What `after_step` learns; kept and restored beside the model."""
        return tf.Module()


class SecondStage(Stage):
    """Trains anew by what a first stage has found.

    Attributes:
      first_epochs: for how many the first one was trained. Once it has been
        for more, what it found before is no longer gone on with.
    """

    name = "retrain"
    first_epochs: int

    @property
    def checkpoints(self) -> str:
        return f"{self.name}-after-{self.first_epochs}"
