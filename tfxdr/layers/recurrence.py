"""The residual mapping of GRU4Rec."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import tensorflow as tf
from tensorflow import keras

from tfxdr.ops.dropout import check_rate, dropout


class RecurrentBlock(keras.layers.Layer):
    """`F(E) = GRU(E)`, the state being 0 until the first item.

    Positions under the mask neither change the state nor are read, so that
    the result does not depend on the amount of padding. The cell runs in a
    plain loop: cuDNN's kernel takes no padding on the left, is no part of
    XLA and has no second-order gradient.

    Attributes:
      num_adapters: how many adapters it has room for.

    Args:
      channels: width in and out.
      dropout: rate, of the output.
      name: layer name.

    Raises:
      ValueError: if `channels` is below 1 or the rate is not in [0, 1).
    """

    num_adapters = 1

    def __init__(
        self,
        channels: int,
        dropout: float = 0.0,
        *,
        name: str | None = None,
        **kwargs,
    ) -> None:
        super().__init__(name=name, **kwargs)
        if channels < 1:
            raise ValueError(f"channels should be >= 1, received {channels}")
        check_rate(dropout)
        self.channels = channels
        self.dropout = dropout
        self.gru = keras.layers.RNN(
            keras.layers.GRUCell(channels), return_sequences=True, name="gru"
        )

    def build(self, input_shape: tf.TensorShape) -> None:
        self.gru.build((None, None, self.channels))
        super().build(input_shape)

    def call(
        self,
        hidden: tf.Tensor,
        mask: tf.Tensor | None = None,
        seed: tf.Tensor | None = None,
        adapters: Sequence[Callable] = (),
    ) -> tf.Tensor:
        """Maps `[batch, length, channels]` to the same shape.

        Args:
          hidden: the block's input.
          mask: `[batch, length]` bool, true where an item is; `None` means
            that every position counts.
          seed: `[2]` int32 of dropout; `None` at inference.
          adapters: none, or one: a function of the input and of what the GRU
            gave.
        """
        output = self.gru(hidden, mask=mask)
        if adapters:
            output = adapters[0](hidden, output)
        return dropout(output, self.dropout, seed)

    @property
    def draws(self) -> bool:
        """Whether a step's seed changes what it computes."""
        return self.dropout > 0

    def get_config(self) -> dict:
        return {
            **super().get_config(),
            "channels": self.channels,
            "dropout": self.dropout,
        }
