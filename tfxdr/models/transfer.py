"""The model that fine-tuning fits: who gets which target item."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import tensorflow as tf
from tensorflow import keras

from tfxdr.backbones import Backbone
from tfxdr.layers.pooling import pool
from tfxdr.layers.target_head import TargetHead
from tfxdr.types import Batch, Head

Loss = Callable[[tf.Tensor, Head, Batch], tf.Tensor]


class TransferModel(keras.Model):
    """A backbone, frozen where the actions say so, under a target head.

    With static actions `I_l` Eq. 6 of UAF needs one tower: block `l` is the
    frozen mapping where `I_l = 0` and the tuned one where `I_l = 1`.

    Args:
      backbone: pre-trained or not.
      num_items: size of the target table, reserved ids included.
      loss: one value per instance from user vectors, head and batch.
      actions: 0 (frozen) or 1 (tuned) for each block, bottom first.
      train_embeddings: whether the item embedding is tuned.
      pooling: `last` or `mean`.

    Raises:
      ValueError: if there is not one action per block.
    """

    def __init__(
        self,
        backbone: Backbone,
        num_items: int,
        *,
        loss: Loss,
        actions: Sequence[int],
        train_embeddings: bool,
        pooling: str = "last",
        name: str = "transfer",
        **kwargs,
    ) -> None:
        super().__init__(name=name, **kwargs)
        if len(actions) != len(backbone.blocks):
            raise ValueError(
                f"actions should have one entry for each of the "
                f"{len(backbone.blocks)} blocks, received {list(actions)}"
            )
        self.backbone = backbone
        self.head = TargetHead(num_items)
        self.instance_loss = loss
        self.pooling = pooling
        for layer in backbone.input_layers:
            layer.trainable = train_embeddings
        for block, action in zip(backbone.blocks, actions, strict=True):
            block.trainable = bool(action)
        for layer in backbone.output_layers:
            layer.trainable = bool(actions[-1])

    def user_vector(self, history: tf.Tensor) -> tf.Tensor:
        """`[batch, length]` int32 to `[batch, d]`."""
        return pool(self.backbone(history), history, self.pooling)

    def call(self, history: tf.Tensor) -> tf.Tensor:
        """Logits of every target item, `[batch, items]`."""
        return self.head(self.user_vector(history))

    def batch_loss(self, batch: Batch) -> tuple[tf.Tensor, tf.Tensor]:
        """Mean loss of the batch's instances, and their number."""
        user = self.user_vector(batch.history)
        values = self.instance_loss(user, self.head, batch)
        real = tf.cast(batch.positives != 0, values.dtype)
        count = tf.reduce_sum(real)
        return tf.reduce_sum(values * real) / tf.maximum(count, 1.0), count
