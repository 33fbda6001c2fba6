"""The whole block is tuned."""

from __future__ import annotations

from tensorflow import keras

from tfxdr.registry import tuners
from tfxdr.tuners.base import Tuner


@tuners.register("copy")
class Copy(Tuner):
    """All weights of the block are tuned (UAF section 3.2.2)."""

    def tune(self, block: keras.layers.Layer, width: int) -> keras.layers.Layer:
        del width
        block.trainable = True
        return block
