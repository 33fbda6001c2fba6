"""What every tuner is."""

from __future__ import annotations

import abc

from tensorflow import keras


class Tuner(abc.ABC):
    """Makes the tuned version of a pre-trained block.

    Attributes:
      train_embeddings: whether the item embedding may be tuned beside it where
        `--train_embeddings` leaves it open.
    """

    train_embeddings: bool = True

    def tunes_output(self, layer: keras.layers.Layer) -> bool:
        """Whether a layer after the last block is tuned as that block is."""
        del layer
        return True

    @abc.abstractmethod
    def tune(self, block: keras.layers.Layer, width: int) -> keras.layers.Layer:
        """Makes a block trainable in this tuner's way.

        Args:
          block: a built block with variables of its own, which may be used up.
          width: of its input and output.

        Returns:
          A layer with the block's `call(hidden, mask, seed)`, itself perhaps.
        """
