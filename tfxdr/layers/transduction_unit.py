"""The residual mapping of HSTU."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import tensorflow as tf
from tensorflow import keras

from tfxdr.layers.positions import DistanceBias
from tfxdr.ops.attention import check_heads, merge_heads, split_heads
from tfxdr.ops.dropout import check_rate
from tfxdr.ops.dropout import dropout as drop

EPSILON = 1e-6  # of the layer norms in the authors' code


class TransductionUnit(keras.layers.Layer):
    """`F(X)`: pointwise attention, gated (Zhai et al. 2024, Eq. 1-3).

    `U, V, Q, K = split(SiLU(f1(norm(X))))`,
    `A = SiLU(Q K^T + b) / n`, `F(X) = f2(norm(A V) * U)`,
    where `b` is learned for each distance between query and key, for all heads
    alike, and nothing normalizes a row of `A`. As in the authors' code, the
    norms have no weights, f1 has no bias and dropout falls on f2's input.

    Deviations: `n` is the number of items that a query sees. The authors'
    constant, the longest possible history, differs by a factor of each
    position, which the second norm takes out but for its epsilon; this `n`
    knows no longest history. The bias has no part that depends on time.

    Positions under the mask are no keys and do not count: the result does not
    depend on the amount of padding.

    Attributes:
      num_adapters: how many adapters it has room for.

    Args:
      channels: width in and out, and of U, V, Q and K over all heads.
      num_heads: of the attention; divides `channels`.
      dropout: rate, of the gated output before f2.
      max_length: distances that are told apart; greater ones share one bias.
      name: layer name.

    Raises:
      ValueError: if a size is below 1, the heads do not divide the channels
        or the rate is not in [0, 1).
    """

    num_adapters = 1

    def __init__(
        self,
        channels: int,
        num_heads: int = 1,
        dropout: float = 0.0,
        max_length: int = 200,
        *,
        name: str | None = None,
        **kwargs,
    ) -> None:
        super().__init__(name=name, **kwargs)
        check_heads(num_heads, channels)
        check_rate(dropout)
        self.channels = channels
        self.num_heads = num_heads
        self.dropout = dropout
        self.max_length = max_length
        self.norms = [
            keras.layers.LayerNormalization(
                epsilon=EPSILON, center=False, scale=False, name=f"norm{i}"
            )
            for i in (1, 2)
        ]
        self.input_projection = keras.layers.Dense(
            4 * channels,
            use_bias=False,
            kernel_initializer=keras.initializers.RandomNormal(stddev=0.02),
            name="input_projection",
        )
        self.distance_bias = DistanceBias(max_length, name="distance_bias")
        self.output_projection = keras.layers.Dense(
            channels, name="output_projection"
        )

    def build(self, input_shape: tf.TensorShape) -> None:
        width = [None, None, self.channels]
        for layer in (
            *self.norms,
            self.input_projection,
            self.output_projection,
            self.distance_bias,
        ):
            layer.build(width)
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
          adapters: none, or one: a function of the normalized input and of
            what f2 gave.
        """
        read = self.norms[0](hidden)
        gate, value, query, key = tf.split(
            tf.nn.silu(self.input_projection(read)), 4, axis=-1
        )
        attended = self._attend(query, key, value, mask)
        gated = self.norms[1](attended) * gate
        output = self.output_projection(drop(gated, self.dropout, seed))
        if adapters:
            output = adapters[0](read, output)
        return output

    @property
    def draws(self) -> bool:
        """Whether a step's seed changes what it computes."""
        return self.dropout > 0

    def _attend(
        self,
        query: tf.Tensor,
        key: tf.Tensor,
        value: tf.Tensor,
        mask: tf.Tensor | None,
    ) -> tf.Tensor:
        """`A V`, `[batch, length, channels]`, as are query, key and value."""
        is_item = tf.ones_like(value[..., :1])
        if mask is not None:
            is_item = tf.cast(mask, value.dtype)[..., tf.newaxis]
        size = self.channels // self.num_heads
        query, key, value = (
            split_heads(projected, self.num_heads, size)
            for projected in (query, key, value * is_item)
        )
        scores = self.distance_bias(tf.matmul(query, key, transpose_b=True))
        # [batch, heads, queries, keys], without the keys after a query
        weights = tf.linalg.band_part(tf.nn.silu(scores), -1, 0)
        num_seen = tf.maximum(tf.cumsum(is_item, axis=1), 1.0)
        return merge_heads(tf.matmul(weights, value)) / num_seen

    def get_config(self) -> dict:
        return {
            **super().get_config(),
            "channels": self.channels,
            "num_heads": self.num_heads,
            "dropout": self.dropout,
            "max_length": self.max_length,
        }
