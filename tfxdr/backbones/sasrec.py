"""SASRec (Kang and McAuley, ICDM 2018)."""

from __future__ import annotations

import tensorflow as tf
from tensorflow import keras

from tfxdr.backbones.base import Backbone, entered
from tfxdr.layers.attention import EPSILON, AttentionBlock
from tfxdr.layers.positions import LearnedPositions
from tfxdr.layers.tied_head import TiedHead, tied_embedding
from tfxdr.registry import backbones


@backbones.register("sasrec")
class SASRec(Backbone):
    """Causal self-attention over learned positions."""

    def __init__(
        self,
        num_items: int,
        channels: int = 64,
        num_blocks: int = 2,
        num_heads: int = 1,
        dropout: float = 0.2,
        max_length: int = 200,
        *,
        name: str = "sasrec",
        **kwargs,
    ) -> None:
        """Makes the layers.

        Args:
          num_items: size of the source table, reserved ids included.
          channels: embedding size and width of every block.
          num_blocks: transformer blocks.
          num_heads: of each attention; divides `channels`.
          dropout: rate, of the embedding and in the blocks.
          max_length: positions that are told apart; older ones share one.
          name: layer name.

        Raises:
          ValueError: if an option is out of range.
        """
        embedding = tied_embedding(num_items, channels)
        positions = LearnedPositions(max_length, name="positions")
        norm = keras.layers.LayerNormalization(epsilon=EPSILON, name="norm")
        super().__init__(
            embedding,
            [
                AttentionBlock(
                    channels,
                    num_heads,
                    dropout=dropout,
                    name=f"block{index}",
                )
                for index in range(1, num_blocks + 1)
            ],
            input_layers=[positions],
            output_layers=[norm],
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

    def embed(
        self, history: tf.Tensor, seed: tf.Tensor | None = None
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Items, scaled up by `sqrt(d)` as in the paper's code, and places.

        Arguments and results as in `Backbone.embed`.
        """
        mask = history != 0
        hidden = self.positions(self.embedding(history) * self.channels**0.5)
        return entered(hidden, mask, self.dropout, seed), mask

    def next_item_head(self, num_items: int) -> keras.layers.Layer:
        """The item embedding again, without a bias, as in the paper."""
        return TiedHead(self.embedding, num_items, name="next_item_head")

    def get_config(self) -> dict:
        return {
            **super().get_config(),
            "num_items": self.num_items,
            "channels": self.channels,
            "num_blocks": self.num_blocks,
            "num_heads": self.num_heads,
            "dropout": self.dropout,
            "max_length": self.max_length,
        }
