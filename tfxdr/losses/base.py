"""The base of every loss of fine-tuning."""

from __future__ import annotations

import tensorflow as tf

from tfxdr.types import Batch, Head


class InstanceLoss:
    """A loss of fine-tuning; a subclass says what an instance costs.

    Attributes:
      needs_whole_batch: whether that depends on the other rows, so that
        `--distribute` cannot divide a batch.
    """

    needs_whole_batch: bool = False

    def __call__(self, user: tf.Tensor, head: Head, batch: Batch) -> tf.Tensor:
        """One value per instance.

        Args:
          user: `[batch, d]` user vectors.
          head: what scores items.
          batch: whose `positives [batch, targets]` and `negatives [batch,
            targets, negatives]` are scored.

        Returns:
          `[batch, targets]`; the caller leaves out padding.
        """
        raise NotImplementedError
