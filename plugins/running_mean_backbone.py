"""A backbone: each block reads the mean of the history so far."""

from collections.abc import Callable, Sequence

import tensorflow as tf
from tensorflow import keras

import tfxdr
from tfxdr.ops.dropout import dropout as drop

tfxdr.require_interface("1.0")


class RunningMeanBlock(keras.layers.Layer):
    """`F(E)_t = W2 relu(W1 [E_t, mean(E_1 .. E_t)])`; padding is no item.

    Args:
      channels: width in and out.
      dropout: rate, of the output.
    """

    num_adapters = 1  # beside the whole block

    def __init__(self, channels: int, dropout: float = 0.0, **kwargs) -> None:
        super().__init__(**kwargs)
        self.channels = channels
        self.dropout = dropout
        self.inner = keras.layers.Dense(channels, "relu", name="inner")
        self.outer = keras.layers.Dense(channels, name="outer")

    def call(
        self,
        hidden: tf.Tensor,
        mask: tf.Tensor | None = None,
        seed: tf.Tensor | None = None,
        adapters: Sequence[Callable] = (),
    ) -> tf.Tensor:
        """Maps `[batch, length, channels]` to the same shape."""
        if mask is None:
            mask = tf.ones(tf.shape(hidden)[:2], tf.bool)
        item = tf.cast(mask, hidden.dtype)[..., tf.newaxis]
        count = tf.maximum(tf.cumsum(item, axis=1), 1.0)
        mean = tf.cumsum(item * hidden, axis=1) / count
        output = self.outer(self.inner(tf.concat([hidden, mean], axis=-1)))
        for adapter in adapters:
            output = adapter(hidden, output)
        return drop(output, self.dropout, seed)

    def get_config(self) -> dict:
        return {
            **super().get_config(),
            "channels": self.channels,
            "dropout": self.dropout,
        }


@tfxdr.backbones.register("running-mean")
class RunningMean(tfxdr.Backbone):
    """Running means in residual blocks: cheap, and a baseline to beat."""

    def __init__(
        self,
        num_items: int,
        channels: int = 64,
        num_blocks: int = 4,
        dropout: float = 0.0,
        *,
        name: str = "running_mean",
        **kwargs,
    ) -> None:
        super().__init__(
            keras.layers.Embedding(num_items, channels, name="embedding"),
            [
                RunningMeanBlock(channels, dropout, name=f"block{index}")
                for index in range(1, num_blocks + 1)
            ],
            name=name,
            **kwargs,
        )
        self.num_items = num_items
        self.channels = channels
        self.num_blocks = num_blocks
        self.dropout = dropout

    def get_config(self) -> dict:
        return {
            **super().get_config(),
            "num_items": self.num_items,
            "channels": self.channels,
            "num_blocks": self.num_blocks,
            "dropout": self.dropout,
        }
