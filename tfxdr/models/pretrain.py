"""The model that pre-training fits: the next item at every position."""

from __future__ import annotations

import tensorflow as tf
from tensorflow import keras

from tfxdr.backbones import Backbone
from tfxdr.ops import softmax
from tfxdr.types import Batch, Draw

FULL_SOFTMAX_LIMIT = 10_000  # items; above it `auto` samples


class PretrainModel(keras.Model):
    """Backbone and softmax over the source items (UAF Eq. 3-5).

    Args:
      backbone: what reads the history.
      num_items: size of the source table, reserved ids included.
      loss: `softmax`, `sampled_softmax` or `auto`, which samples above
        10,000 items.
      num_sampled: shared negatives of the sampled softmax.
    """

    def __init__(
        self,
        backbone: Backbone,
        num_items: int,
        *,
        loss: str = "auto",
        num_sampled: int = 1000,
        name: str = "pretrain",
        **kwargs,
    ) -> None:
        super().__init__(name=name, **kwargs)
        if loss == "auto":
            big = num_items > FULL_SOFTMAX_LIMIT
            loss = "sampled_softmax" if big else "softmax"
        self.backbone = backbone
        self.head = backbone.next_item_head(num_items)
        self.sampled = loss == "sampled_softmax"
        self.num_sampled = num_sampled

    def call(self, history: tf.Tensor) -> tf.Tensor:
        """Logits of the item after the last one, `[batch, items]`."""
        return self.head(self.backbone(history)[:, -1])

    def batch_loss(self, batch: Batch) -> tuple[tf.Tensor, tf.Tensor]:
        """Mean loss of the batch's positions, and their number."""
        hidden, labels = self.backbone.pretraining(batch.history, batch.seed)
        count = tf.cast(tf.size(labels), tf.float32)
        weights = tf.fill(tf.shape(labels), 1.0 / tf.maximum(count, 1.0))
        if self.sampled:
            values = self._sampled_losses(hidden, labels, batch.seed)
            return tf.reduce_sum(weights * values), count
        return softmax.next_item_softmax(
            hidden, labels, self.head.kernel, self.head.bias, weights
        ), count

    def full_loss(self, history: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Sum of the full softmax's losses, and how many (validation)."""
        hidden, labels = self.backbone.pretraining(history, None)
        values = softmax.next_item_losses(
            hidden, labels, self.head.kernel, self.head.bias
        )
        return tf.reduce_sum(values), tf.cast(tf.size(values), tf.float32)

    def _sampled_losses(
        self, hidden: tf.Tensor, labels: tf.Tensor, seed: tf.Tensor
    ) -> tf.Tensor:
        return softmax.next_item_sampled_softmax(
            hidden,
            labels,
            self.head.kernel,
            self.head.bias,
            num_samples=self.num_sampled,
            seed=tf.random.experimental.stateless_fold_in(seed, Draw.SOFTMAX),
        )
