"""The layers that score items for a user vector."""

from __future__ import annotations

import numpy as np
import tensorflow as tf
from tensorflow import keras

from tfxdr.ops import tables

_POPULARITY_SCALE = 0.1  # of the table under a bias that knows popularity


class ItemHead(keras.layers.Layer):
    """`o_y = W_y h + b_y` (UAF Eq. 7); a subclass has the table.

    Attributes:
      kernel: `[items, d]`; where parameter servers have it, in shards.
      bias: `[items]`, likewise.
    """

    def call(self, user: tf.Tensor) -> tf.Tensor:
        """Logits of the whole table: `[..., d]` to `[..., items]`."""
        return tables.products(user, self.kernel) + self.bias

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
        rows = tables.rows(self.kernel, flat)  # [batch, items, d]
        scores = tf.einsum("bd,bid->bi", user, rows)
        return tf.reshape(scores + tables.rows(self.bias, flat), shape)


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

    def start_from_popularity(self, counts: np.ndarray) -> None:
        """Scores begin as popularity, and little beside it.

        The bias becomes the log of an item's smoothed share of the training
        instances, relative to an equal share: the optimum of every loss here
        for a model that knows nothing of the user. The table is scaled down,
        so that users differ by what is learned.

        Args:
          counts: `[num_items]` training instances of each item.
        """
        smoothed = np.asarray(counts, np.float64) + 1
        start = np.log(smoothed / smoothed.mean())
        self.bias.assign(start.astype(np.float32))
        for shard in tables.shards(self.kernel):
            shard.assign(_POPULARITY_SCALE * shard)

    def get_config(self) -> dict:
        return {**super().get_config(), "num_items": self.num_items}
