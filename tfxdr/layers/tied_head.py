"""A head that scores items by their own embeddings."""

from __future__ import annotations

import tensorflow as tf
from tensorflow import keras

from tfxdr.layers.target_head import ItemHead


class TiedHead(ItemHead):
    """The table is an item embedding.

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


def tied_embedding(num_rows: int, channels: int) -> keras.layers.Embedding:
    """An item embedding that a tied head reads.

    Its weights are small: logits of the full softmax then start near 0.
    Klenitskiy and Vasilev (2023) use this value.
    """
    return keras.layers.Embedding(
        num_rows,
        channels,
        embeddings_initializer=keras.initializers.RandomNormal(stddev=0.02),
        name="embedding",
    )
