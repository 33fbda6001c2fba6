"""What every sequential backbone is."""

from __future__ import annotations

from collections.abc import Sequence

import tensorflow as tf
from tensorflow import keras


class Backbone(keras.layers.Layer):
    """An item embedding, a list of residual mappings and a read-out.

    `E_l = F_l(E_{l-1}) + E_{l-1}` (UAF Eq. 1). A subclass passes its parts to
    this constructor and overrides `embed` or `read_out` where it differs.

    Args:
      embedding: maps item ids to vectors; 0 is padding.
      blocks: the mappings `F_l`, called as `block(hidden, mask)`.
      input_layers: other layers that `embed` uses; tuned with the embedding.
      output_layers: layers that `read_out` uses; tuned with the top block.
      name: layer name.
    """

    def __init__(
        self,
        embedding: keras.layers.Embedding,
        blocks: Sequence[keras.layers.Layer],
        *,
        input_layers: Sequence[keras.layers.Layer] = (),
        output_layers: Sequence[keras.layers.Layer] = (),
        name: str | None = None,
        **kwargs,
    ) -> None:
        super().__init__(name=name, **kwargs)
        self.embedding = embedding
        self.blocks = list(blocks)
        self.input_layers = [embedding, *input_layers]
        self.output_layers = list(output_layers)

    @property
    def width(self) -> int:
        """Size of a hidden vector."""
        return self.embedding.output_dim

    def embed(self, history: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """Looks items up.

        Args:
          history: `[batch, length]` int32, left-padded with 0.

        Returns:
          `E_0 [batch, length, d]`, zero at padding, and the mask
          `[batch, length]`, true at items.
        """
        mask = history != 0
        hidden = self.embedding(history)
        return hidden * tf.cast(mask, hidden.dtype)[..., tf.newaxis], mask

    def read_out(self, hidden: tf.Tensor, mask: tf.Tensor) -> tf.Tensor:
        """What follows the last block; nothing by default."""
        del mask
        return hidden

    def call(self, history: tf.Tensor) -> tf.Tensor:
        """Hidden vectors of every position, `[batch, length, d]`."""
        hidden, mask = self.embed(history)
        for block in self.blocks:
            hidden += block(hidden, mask)
        return self.read_out(hidden, mask)
