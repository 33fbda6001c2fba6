"""GRU4Rec (Hidasi et al., ICLR 2016), with the full softmax of today."""

from __future__ import annotations

import tensorflow as tf
from tensorflow import keras

from tfxdr.backbones.base import Backbone, block_seed
from tfxdr.layers.recurrence import RecurrentBlock
from tfxdr.layers.tied_head import TiedHead, tied_embedding
from tfxdr.ops.dropout import dropout as drop
from tfxdr.registry import backbones


@backbones.register("gru4rec")
class GRU4Rec(Backbone):
    """Gated recurrent units.

    The original has no skip connection around a layer; here it is what frozen
    and tuned layers share (UAF Eq. 6). With it the last item's own embedding
    is part of the output, which the tied head would score high, so a linear
    layer stands before the head, as feed-forward layers may in the original.
    """

    def __init__(
        self,
        num_items: int,
        channels: int = 64,
        num_blocks: int = 1,
        dropout: float = 0.1,
        *,
        name: str = "gru4rec",
        **kwargs,
    ) -> None:
        """Makes the layers.

        Args:
          num_items: size of the source table, reserved ids included.
          channels: embedding size and width of every layer.
          num_blocks: recurrent layers.
          dropout: rate, of the embedding and of each layer's output.
          name: layer name.

        Raises:
          ValueError: if an option is out of range.
        """
        embedding = tied_embedding(num_items, channels)
        output = keras.layers.Dense(channels, name="output")
        super().__init__(
            embedding,
            [
                RecurrentBlock(channels, dropout, name=f"block{index}")
                for index in range(1, num_blocks + 1)
            ],
            output_layers=[output],
            name=name,
            **kwargs,
        )
        self.num_items = num_items
        self.channels = channels
        self.num_blocks = num_blocks
        self.dropout = dropout

    def embed(
        self, history: tf.Tensor, seed: tf.Tensor | None = None
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Items, with dropout; arguments and results as in `Backbone`."""
        hidden, mask = super().embed(history)
        return drop(hidden, self.dropout, block_seed(seed, -1)), mask

    def next_item_head(self, num_items: int) -> keras.layers.Layer:
        """The item embedding again, without a bias.

        The original's output table is its own; tied, it scores higher in
        replications with the full softmax (Klenitskiy and Vasilev 2023).
        """
        return TiedHead(self.embedding, num_items, name="next_item_head")

    def get_config(self) -> dict:
        return {
            **super().get_config(),
            "num_items": self.num_items,
            "channels": self.channels,
            "num_blocks": self.num_blocks,
            "dropout": self.dropout,
        }
