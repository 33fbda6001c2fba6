"""HSTU (Zhai et al., ICML 2024), on what its authors publish for MovieLens."""

from __future__ import annotations

import tensorflow as tf
from tensorflow import keras

from tfxdr.backbones.base import Backbone, entered
from tfxdr.layers.positions import LearnedPositions
from tfxdr.layers.tied_head import TiedHead, tied_embedding
from tfxdr.layers.transduction_unit import TransductionUnit
from tfxdr.registry import backbones

_SHORTEST = 1e-6  # length that is scaled to 1, as in the authors' code


@backbones.register("hstu")
class HSTU(Backbone):
    """Hierarchical sequential transduction units over learned positions.

    Attention is pointwise and gates its own output (`TransductionUnit`); the
    output has one length, and pre-training compares it with items by cosine
    (`CosineHead`). The defaults are the authors' for MovieLens-1M; their large
    model is `num_blocks=8,num_heads=2`. A history holds items without their
    times, so the part of the relative bias that depends on time is left out.
    """

    def __init__(
        self,
        num_items: int,
        channels: int = 50,
        num_blocks: int = 2,
        num_heads: int = 1,
        dropout: float = 0.2,
        max_length: int = 200,
        temperature: float | None = 0.05,
        *,
        name: str = "hstu",
        **kwargs,
    ) -> None:
        """Makes the layers.

        Args:
          num_items: size of the source table, reserved ids included.
          channels: embedding size and width of every block.
          num_blocks: transduction units.
          num_heads: of each attention; divides `channels`.
          dropout: rate, of the embedding and in the blocks.
          max_length: positions, and distances between two, that are told
            apart; greater ones share one.
          temperature: pre-training divides cosines by it. `none` scores by
            the inner product with item embeddings of any length instead.
          name: layer name.

        Raises:
          ValueError: if an option is out of range.
        """
        if temperature is not None and temperature <= 0:
            raise ValueError(
                f"temperature should be above 0 or none, received {temperature}"
            )
        positions = LearnedPositions(max_length, name="positions")
        super().__init__(
            tied_embedding(num_items, channels),
            [
                TransductionUnit(
                    channels,
                    num_heads,
                    dropout=dropout,
                    max_length=max_length,
                    name=f"block{index}",
                )
                for index in range(1, num_blocks + 1)
            ],
            input_layers=[positions],
            name=name,
            **kwargs,
        )
        self.positions = positions
        self.num_items = num_items
        self.channels = channels
        self.num_blocks = num_blocks
        self.num_heads = num_heads
        self.dropout = dropout
        self.max_length = max_length
        self.temperature = temperature

    def embed(
        self, history: tf.Tensor, seed: tf.Tensor | None = None
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Items, scaled up by `sqrt(d)` as in the authors' code, and places.

        Arguments and results as in `Backbone.embed`.
        """
        mask = history != 0
        hidden = self.positions(self.embedding(history) * self.channels**0.5)
        return entered(hidden, mask, self.dropout, seed), mask

    def read_out(self, hidden: tf.Tensor, mask: tf.Tensor) -> tf.Tensor:
        """Vectors of length `sqrt(d)`.

        The authors' have length 1. `sqrt(d)` is what a layer norm gives, and
        what heads of fine-tuning are used to; `CosineHead` takes it out.
        """
        del mask
        return unit(hidden) * self.channels**0.5

    def next_item_head(self, num_items: int) -> keras.layers.Layer:
        """The item embedding again, without a bias."""
        name = "next_item_head"
        if self.temperature is None:
            return TiedHead(self.embedding, num_items, name=name)
        return CosineHead(
            self.embedding,
            num_items,
            temperature=self.temperature,
            name=name,
        )

    def get_config(self) -> dict:
        return {
            **super().get_config(),
            "num_items": self.num_items,
            "channels": self.channels,
            "num_blocks": self.num_blocks,
            "num_heads": self.num_heads,
            "dropout": self.dropout,
            "max_length": self.max_length,
            "temperature": self.temperature,
        }


class CosineHead(TiedHead):
    """Scores a vector of length `sqrt(d)` by cosine over temperature.

    Every step of training normalizes the whole table, and so has a gradient
    for all of it, also where the softmax is sampled.

    Args:
      embedding: its first `num_items` rows are normalized to the kernel.
      num_items: size of the item table, reserved ids included; by default
        all rows.
      temperature: above 0.
      name: layer name.

    Raises:
      ValueError: as `TiedHead`.
    """

    def __init__(
        self,
        embedding: keras.layers.Embedding,
        num_items: int | None = None,
        *,
        temperature: float,
        name: str = "cosine_head",
        **kwargs,
    ) -> None:
        super().__init__(embedding, num_items, name=name, **kwargs)
        self.temperature = temperature

    @property
    def kernel(self) -> tf.Tensor:
        """`[items, d]`, rows of one length, read under the tape."""
        length = self.temperature * self.embedding.output_dim**0.5
        return unit(super().kernel) / length

    def get_config(self) -> dict:
        return {**super().get_config(), "temperature": self.temperature}


def unit(vectors: tf.Tensor) -> tf.Tensor:
    """Scales `[..., d]` to length 1; what is shorter than 1e-6, by 1e6."""
    return tf.math.l2_normalize(vectors, axis=-1, epsilon=_SHORTEST**2)
