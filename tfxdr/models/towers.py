"""How a pre-trained backbone becomes one tower or two."""

from __future__ import annotations

from collections.abc import Sequence

import tensorflow as tf

from tfxdr.backbones import Backbone
from tfxdr.layers.routed_block import RoutedBlock, twin
from tfxdr.tuners import Tuner


def tune_blocks(
    backbone: Backbone,
    actions: Sequence[int],
    tuner: Tuner,
    *,
    train_embeddings: bool,
) -> list[tf.Variable]:
    """Leaves one tower: block `l` is tuned where `actions[l]` is 1.

    With static actions Eq. 6 of UAF needs no more. The read-out follows the
    top block.

    Returns:
      The backbone's variables without what the tuner adds.

    Raises:
      ValueError: if there is not one action per block.
    """
    if len(actions) != len(backbone.blocks):
        raise ValueError(
            f"actions should have one entry for each of the "
            f"{len(backbone.blocks)} blocks, received {list(actions)}"
        )
    known = list(backbone.variables)
    blocks = []
    for block, action in zip(backbone.blocks, actions, strict=True):
        block.trainable = bool(action)
        blocks.append(tuner.tune(block, backbone.width) if action else block)
    backbone.blocks = blocks
    _set_trainable(backbone, tuner, train_embeddings, bool(actions[-1]))
    return known


def route_blocks(
    backbone: Backbone,
    tuner: Tuner,
    *,
    train_embeddings: bool,
    hard: bool,
    hard_in_training: bool = False,
) -> list[tf.Variable]:
    """Makes two towers: each block stays frozen beside its tuned twin.

    Args:
      backbone: built.
      tuner: makes the tuned version of a twin.
      train_embeddings: whether what stands before the blocks is trained.
      hard: see `RoutedBlock`.
      hard_in_training: likewise.

    Returns:
      The variables of both without what the tuner adds.
    """
    width = backbone.width
    twins = [twin(block, width) for block in backbone.blocks]
    known = [*backbone.variables, *(v for t in twins for v in t.variables)]
    backbone.blocks = [
        RoutedBlock(
            block,
            tuner.tune(copy, width),
            hard=hard,
            hard_in_training=hard_in_training,
            name=f"{block.name}_routed",
        )
        for block, copy in zip(backbone.blocks, twins, strict=True)
    ]
    _set_trainable(backbone, tuner, train_embeddings, True)
    return known


def _set_trainable(
    backbone: Backbone, tuner: Tuner, embeddings: bool, output: bool
) -> None:
    """What stands before the blocks, and after them."""
    for layer in backbone.input_layers:
        layer.trainable = embeddings
    for layer in backbone.output_layers:
        layer.trainable = output and tuner.tunes_output(layer)
