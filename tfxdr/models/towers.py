"""How a pre-trained backbone becomes one tower or two."""

from __future__ import annotations

from collections.abc import Sequence

from tfxdr.backbones import Backbone
from tfxdr.layers.routed_block import RoutedBlock, twin
from tfxdr.tuners import Tuner


def tune_blocks(
    backbone: Backbone,
    actions: Sequence[int],
    tuner: Tuner,
    *,
    train_embeddings: bool,
) -> None:
    """Leaves one tower: block `l` is tuned where `actions[l]` is 1.

    With static actions Eq. 6 of UAF needs no more. The read-out follows the
    top block.

    Raises:
      ValueError: if there is not one action per block.
    """
    if len(actions) != len(backbone.blocks):
        raise ValueError(
            f"actions should have one entry for each of the "
            f"{len(backbone.blocks)} blocks, received {list(actions)}"
        )
    blocks = []
    for block, action in zip(backbone.blocks, actions, strict=True):
        block.trainable = bool(action)
        blocks.append(tuner.tune(block, backbone.width) if action else block)
    backbone.blocks = blocks
    _set_trainable(backbone.input_layers, train_embeddings)
    _set_trainable(backbone.output_layers, bool(actions[-1]))


def route_blocks(
    backbone: Backbone, tuner: Tuner, *, train_embeddings: bool
) -> None:
    """Makes two towers: each block stays frozen beside its tuned twin."""
    backbone.blocks = [
        RoutedBlock(
            frozen=block,
            tuned=tuner.tune(twin(block, backbone.width), backbone.width),
            name=f"{block.name}_routed",
        )
        for block in backbone.blocks
    ]
    _set_trainable(backbone.input_layers, train_embeddings)
    _set_trainable(backbone.output_layers, True)


def _set_trainable(layers: Sequence, trainable: bool) -> None:
    for layer in layers:
        layer.trainable = trainable
