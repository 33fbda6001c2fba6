"""NextItNet (Yuan et al., WSDM 2019), as UAF and PeterRec use it."""

from __future__ import annotations

from collections.abc import Sequence

import tensorflow as tf
from tensorflow import keras

from tfxdr.backbones.base import Backbone, block_seed
from tfxdr.layers.causal_convolution import CausalConvolutionBlock
from tfxdr.layers.tied_head import TiedHead
from tfxdr.ops.dropout import check_rate
from tfxdr.ops.dropout import dropout as drop
from tfxdr.registry import backbones

PAPER_DILATIONS = (1, 2, 4, 8) * 4  # UAF section 4.3: 16 layers, 8 blocks


@backbones.register("nextitnet")
class NextItNet(Backbone):
    """Dilated causal convolutions in residual blocks (UAF Eq. 1-2)."""

    def __init__(
        self,
        num_items: int,
        channels: int = 128,
        kernel_size: int = 3,
        dilations: Sequence[int] = PAPER_DILATIONS,
        tied: bool = False,
        dropout: float = 0.0,
        *,
        name: str = "nextitnet",
        **kwargs,
    ) -> None:
        """Makes the layers.

        Args:
          num_items: size of the source table, reserved ids included.
          channels: embedding size and width of every block.
          kernel_size: taps of a convolution.
          dilations: one per convolution; two make a block, and the second of
            a block is twice the first.
          tied: pre-training scores items by their own embeddings, after a
            linear map of the last block's output, which is mostly positive;
            the authors' code has a table of its own. On small data a tied
            one overfits less.
          dropout: rate of the embedded items; the authors have none.
          name: layer name.

        Raises:
          ValueError: if dilations do not come in pairs `r, 2r`, or the rate
            is out of range.
        """
        pairs = _pairs(dilations)
        check_rate(dropout)
        super().__init__(
            keras.layers.Embedding(
                num_items,
                channels,
                embeddings_initializer=keras.initializers.TruncatedNormal(
                    stddev=0.02
                ),
                name="embedding",
            ),
            [
                CausalConvolutionBlock(
                    channels, kernel_size, dilation, name=f"block{index}"
                )
                for index, dilation in enumerate(pairs, start=1)
            ],
            output_layers=[keras.layers.Dense(channels, name="projection")]
            if tied
            else [],
            name=name,
            **kwargs,
        )
        self.num_items = num_items
        self.channels = channels
        self.kernel_size = kernel_size
        self.dilations = tuple(dilations)
        self.tied = tied
        self.dropout = dropout

    def embed(
        self, history: tf.Tensor, seed: tf.Tensor | None = None
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """As in `Backbone.embed`, with dropout."""
        hidden, mask = super().embed(history)
        return drop(hidden, self.dropout, block_seed(seed, -1)), mask

    def next_item_head(self, num_items: int) -> keras.layers.Layer:
        """A table of its own, or the embedding again, without a bias."""
        if not self.tied:
            return super().next_item_head(num_items)
        return TiedHead(self.embedding, num_items, name="next_item_head")

    def get_config(self) -> dict:
        return {
            **super().get_config(),
            "num_items": self.num_items,
            "channels": self.channels,
            "kernel_size": self.kernel_size,
            "dilations": self.dilations,
            "tied": self.tied,
            "dropout": self.dropout,
        }


def _pairs(dilations: Sequence[int]) -> list[int]:
    """The first dilation of each block."""
    first, second = list(dilations[::2]), list(dilations[1::2])
    if not first or second != [2 * dilation for dilation in first]:
        raise ValueError(
            "dilations should come in pairs r, 2r, one pair per block, such "
            f"as [1,2,4,8]; received {list(dilations)}"
        )
    return first
