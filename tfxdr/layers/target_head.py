"""The layers that score items for a user vector."""

from __future__ import annotations

import tensorflow as tf
from tensorflow import keras


class ItemHead(keras.layers.Layer):
    """`o_y = W_y h + b_y` (UAF Eq. 7); a subclass has the table.

    Attributes:
      kernel: `[items, d]`.
      bias: `[items]`.
    """

    def call(self, user: tf.Tensor) -> tf.Tensor:
        """Logits of the whole table: `[..., d]` to `[..., items]`."""
        return tf.matmul(user, self.kernel, transpose_b=True) + self.bias

    def logits(self, user: tf.Tensor) -> tf.Tensor:
        """As `call`; the name that losses use."""
        return self(user)

    def score(self, user: tf.Tensor, items: tf.Tensor) -> tf.Tensor:
        """Logits of chosen items.

        Args:
          user: `[batch, d]`.
          items: `[batch, ...]` int ids.

        Returns:
          A tensor of the shape of `items`.
        """
        shape = tf.shape(items)
        flat = tf.reshape(items, [shape[0], -1])  # [batch, items]
        rows = tf.gather(self.kernel, flat)  # [batch, items, d]
        scores = tf.einsum("bd,bid->bi", user, rows)
        return tf.reshape(scores + tf.gather(self.bias, flat), shape)


class TargetHead(ItemHead):
    """A table of its own.

    Args:
      num_items: size of the item table, reserved ids included.
      name: layer name.

    Raises:
      ValueError: if `num_items` leaves no real item.
    """

    def __init__(
        self, num_items: int, *, name: str = "target_head", **kwargs
    ) -> None:
        super().__init__(name=name, **kwargs)
        if num_items < 3:
            raise ValueError(
                "num_items counts padding, unknown and at least one real "
                f"item: expected >= 3, received {num_items}"
            )
        self.num_items = num_items

    def build(self, input_shape: tf.TensorShape) -> None:
        width = input_shape[-1]
        self.kernel = self.add_weight(
            "kernel",
            [self.num_items, width],
            initializer=keras.initializers.TruncatedNormal(stddev=0.02),
        )
        self.bias = self.add_weight(
            "bias", [self.num_items], initializer="zeros"
        )
        super().build(input_shape)

    def get_config(self) -> dict:
        return {**super().get_config(), "num_items": self.num_items}
