"""Where in a history an item stands, by itself or seen from another."""

from __future__ import annotations

import tensorflow as tf
from tensorflow import keras


class _LearnedTable(keras.layers.Layer):
    """What is learned of each place, in `max_length` rows.

    Raises:
      ValueError: if `max_length` is below 1.
    """

    def __init__(
        self, max_length: int, *, name: str | None = None, **kwargs
    ) -> None:
        super().__init__(name=name, **kwargs)
        if max_length < 1:
            raise ValueError(
                f"max_length should be >= 1, received {max_length}"
            )
        self.max_length = max_length

    def add_table(self, *width: int) -> None:
        """Makes `table`, `[max_length, *width]`."""
        self.table = self.add_weight(
            "table",
            [self.max_length, *width],
            initializer=keras.initializers.RandomNormal(stddev=0.02),
        )

    def get_config(self) -> dict:
        return {**super().get_config(), "max_length": self.max_length}


class LearnedPositions(_LearnedTable):
    """Adds a learned vector for each position, counted from the end.

    The last position has row 0, the one before it row 1, so that padding on
    the left changes nothing. Positions beyond `max_length` share the last row.

    Args:
      max_length: rows of the table.
      name: layer name.

    Raises:
      ValueError: if `max_length` is below 1.
    """

    def build(self, input_shape: tf.TensorShape) -> None:
        self.add_table(input_shape[-1])
        super().build(input_shape)

    def call(self, hidden: tf.Tensor) -> tf.Tensor:
        """Maps `[batch, length, d]` to the same shape."""
        from_end = tf.range(tf.shape(hidden)[1])[::-1]
        rows = tf.minimum(from_end, self.max_length - 1)
        return hidden + tf.gather(self.table, rows)


class DistanceBias(_LearnedTable):
    """Adds a learned number for how far before its query a key stands.

    Distances beyond the last row of the table share it. Keys after their
    query get that of distance 0: attention leaves them out.

    Args:
      max_length: rows of the table.
      name: layer name.

    Raises:
      ValueError: if `max_length` is below 1.
    """

    def build(self, input_shape: tf.TensorShape) -> None:
        self.add_table()
        super().build(input_shape)

    def call(self, scores: tf.Tensor) -> tf.Tensor:
        """Maps `[..., length, length]`, queries by keys, to the same shape."""
        position = tf.range(tf.shape(scores)[-1])
        distance = position[:, tf.newaxis] - position
        rows = tf.clip_by_value(distance, 0, self.max_length - 1)
        return scores + tf.gather(self.table, rows)
