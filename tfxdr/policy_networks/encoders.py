"""The encoders that a policy network can have."""

from __future__ import annotations

from collections.abc import Sequence

from tfxdr.backbones import Backbone
from tfxdr.backbones.gru4rec import GRU4Rec
from tfxdr.backbones.nextitnet import NextItNet
from tfxdr.backbones.sasrec import SASRec
from tfxdr.registry import policy_networks

PAPER_DILATIONS = (1, 2, 4, 8)  # UAF section 4.3: 4 layers, 2 blocks


@policy_networks.register("nextitnet")
def nextitnet(
    num_items: int,
    channels: int,
    kernel_size: int = 3,
    dilations: Sequence[int] = PAPER_DILATIONS,
) -> Backbone:
    """Two residual blocks of dilated convolutions (UAF section 4.3)."""
    return NextItNet(num_items, channels, kernel_size, dilations)


@policy_networks.register("gru")
def gru(num_items: int, channels: int, num_blocks: int = 1) -> Backbone:
    """A gated recurrent unit (UAF section 5.3.3)."""
    return GRU4Rec(num_items, channels, num_blocks, dropout=0.0)


@policy_networks.register("attention")
def attention(
    num_items: int, channels: int, num_blocks: int = 1, num_heads: int = 1
) -> Backbone:
    """One standard block of self-attention (UAF section 5.2)."""
    return SASRec(num_items, channels, num_blocks, num_heads, dropout=0.0)
