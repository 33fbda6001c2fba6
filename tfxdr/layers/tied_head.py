"""A head that scores items by their own embeddings."""

from __future__ import annotations

import tensorflow as tf
from tensorflow import keras


class TiedHead(keras.layers.Layer):
    """`o_y = e_y h + b_y`, where `e_y` is the item's row of an embedding.

    As a `TargetHead`, without a table of its own.

    Args:
      embedding: its first `num_items` rows are the kernel.
      num_items: size of the item table, reserved ids included; by default
        all rows.
      use_bias: whether an item has a bias; without, `bias` is zero.
      name: layer name.

    Raises:
      ValueError: if `num_items` leaves no real item, or is more than the
        embedding has.
    """

    def __init__(
        self,
        embedding: keras.layers.Embedding,
        num_items: int | None = None,
        *,
        use_bias: bool = False,
        name: str = "tied_head",
        **kwargs,
    ) -> None:
        super().__init__(name=name, **kwargs)
        rows = embedding.input_dim
        num_items = rows if num_items is None else num_items
        if not 3 <= num_items <= rows:
            raise ValueError(
                "num_items counts padding, unknown and at least one real "
                f"item: expected 3 to {rows}, the embedding's rows, received "
                f"{num_items}"
            )
        self.embedding = embedding
        self.num_items = num_items
        self.use_bias = use_bias

    def build(self, input_shape: tf.TensorShape) -> None:
        if not self.embedding.built:
            self.embedding.build(None)
        if self.use_bias:
            self._bias = self.add_weight(
                "bias", [self.num_items], initializer="zeros"
            )
        super().build(input_shape)

    @property
    def kernel(self) -> tf.Tensor | tf.Variable:
        """`[items, d]`: the variable, or a slice of it, read under the tape."""
        table = self.embedding.embeddings
        if self.num_items == self.embedding.input_dim:
            return table
        return table[: self.num_items]

    @property
    def bias(self) -> tf.Tensor | tf.Variable:
        """`[items]`."""
        if self.use_bias:
            return self._bias
        return tf.zeros([self.num_items], self.compute_dtype)

    def call(self, user: tf.Tensor) -> tf.Tensor:
        """Logits of the whole table: `[..., d]` to `[..., items]`."""
        logits = tf.matmul(user, self.kernel, transpose_b=True)
        return logits + self._bias if self.use_bias else logits

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
        flat = tf.reshape(items, [shape[0], -1])
        # The whole table, so that the gradient stays sparse.
        rows = tf.gather(self.embedding.embeddings, flat)  # [batch, items, d]
        scores = tf.einsum("bd,bid->bi", user, rows)
        if self.use_bias:
            scores += tf.gather(self._bias, flat)
        return tf.reshape(scores, shape)

    def get_config(self) -> dict:
        """The options; a copy made of them has an embedding of its own."""
        return {
            **super().get_config(),
            "embedding": keras.layers.serialize(self.embedding),
            "num_items": self.num_items,
            "use_bias": self.use_bias,
        }

    @classmethod
    def from_config(cls, config: dict) -> TiedHead:
        """The inverse of `get_config`."""
        embedding = keras.layers.deserialize(config["embedding"])
        return cls(**{**config, "embedding": embedding})
