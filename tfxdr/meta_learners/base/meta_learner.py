"""What every meta-learner is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, TypeAlias

import tensorflow as tf

from tfxdr.backbones.base import JointBackbone
from tfxdr.types import HELD_OUT, JointBatch

Gradient: TypeAlias = "tf.Tensor | tf.IndexedSlices | None"


class TrainsJointly(Protocol):
    """What a meta-learner may ask of a joint model.

    Attributes:
      backbone: below the heads.
      shared_variables: of the backbone, those that are trained.
      replacement_variables: of the replacement target head, through which the
        upper level looks at the target domain.
    """

    @property
    def backbone(self) -> JointBackbone: ...

    @property
    def shared_variables(self) -> list[tf.Variable]: ...

    @property
    def replacement_variables(self) -> list[tf.Variable]: ...

    def example_losses(self, batch: JointBatch) -> tuple[tf.Tensor, tf.Tensor]:
        """Cross-entropies of source and target examples, both `[batch]`.

        The source's are 0 where there is no source example.
        """
        ...

    def lower_loss(self, batch: JointBatch, weights: tf.Tensor) -> tf.Tensor:
        """`mean(target) + sum(weights * source) + penalty`, a scalar."""
        ...

    def target_vector(self, batch: JointBatch) -> tf.Tensor:
        """What a target head reads, `[batch, d]`."""
        ...

    def replacement_loss(
        self, vector: tf.Tensor, batch: JointBatch
    ) -> tf.Tensor:
        """Mean cross-entropy through the replacement head, a scalar.

        The vector is `target_vector` of the batch.
        """
        ...


class MetaLearner(tf.Module):
    """Decides what each source behavior is worth.

    This class is also the simplest one: all count the same.

    Attributes:
      interval: training steps between two calls of `update`; 0: it is never
        called.
      warm_up: steps before they are counted.
      meta_set: where the rows of the upper loss come from, one of
        `types.META_SETS`; see `JointBatches`.
      matched: whether the lower loss of `update` is that of training rows of
        the same users, as many as the upper loss has, instead of the batch
        that was trained on last.
      is_told: whether it knows what others have to find out, so that it is a
        ceiling and no competitor.
      needs_whole_batch: whether its direction is more than a sum over rows, so
        that `--distribute` cannot divide a batch.
    """

    interval: int = 0
    warm_up: int = 0
    meta_set: str = HELD_OUT
    matched: bool = False
    is_told: bool = False
    needs_whole_batch: bool = False

    def build(self, backbone: JointBackbone) -> None:
        """Makes what depends on the model's sizes; called once, first."""

    @property
    def meta_variables(self) -> list[tf.Variable]:
        """What `update` learns; saved and restored with the model."""
        return []

    def weights(self, model: TrainsJointly, batch: JointBatch) -> tf.Tensor:
        """How much each source example's loss counts, `[batch]`."""
        del model
        rows = tf.shape(batch.user)[0]
        return tf.fill([rows], 1.0 / tf.cast(rows, tf.float32))

    def importance(
        self, model: TrainsJointly, batch: JointBatch
    ) -> tf.Tensor | None:
        """Log-importance of each source example by itself, `[batch]`.

        It does not depend on the other rows; none if nothing is learned.
        """
        del model, batch
        return None

    def gradients(
        self,
        model: TrainsJointly,
        batch: JointBatch,
        variables: Sequence[tf.Variable],
    ) -> tuple[tf.Tensor, list[Gradient]]:
        """The lower loss, and the direction of a training step.

        Args:
          model: what is trained.
          batch: of training rows.
          variables: what moves.

        Returns:
          A scalar, and one gradient for each variable.
        """
        weights = tf.stop_gradient(self.weights(model, batch))
        with tf.GradientTape() as tape:
            loss = model.lower_loss(batch, weights)
        return loss, tape.gradient(loss, list(variables))

    def update(
        self,
        model: TrainsJointly,
        batch: JointBatch,
        held_out: JointBatch,
    ) -> None:
        """The upper level.

        Args:
          model: what is trained.
          batch: of training rows, for the lower loss.
          held_out: many rows of the meta set, for the replacement head and
            the upper loss.
        """
