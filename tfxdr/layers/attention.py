"""The residual mapping of SASRec and BERT4Rec."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import tensorflow as tf
from tensorflow import keras

from tfxdr.ops.attention import attend, check_heads, split_heads
from tfxdr.ops.dropout import check_rate, dropout

EPSILON = 1e-8  # of the layer norm in SASRec's code


class AttentionBlock(keras.layers.Layer):
    """`F(E)`: self-attention and a feed-forward network, pre-norm.

    `A = attention(norm1(E))`, `F(E) = A + ffn(norm2(E + A))`, so that
    `E + F(E)` is a transformer block (Kang and McAuley 2018, section III.B-C).
    Deviations: SASRec's code, not its paper, adds the normalized input in
    place of the input; BERT4Rec (Sun et al. 2019, Eq. 5) normalizes after the
    sum. Neither leaves a skip connection that frozen and tuned mappings could
    share (UAF Eq. 6).

    Positions under the mask are no keys, and attend to nothing: the result
    does not depend on the amount of padding.

    Attributes:
      num_adapters: how many adapters it has room for.

    Args:
      channels: width in and out.
      num_heads: of the attention; divides `channels`.
      hidden_size: inner width of the feed-forward network.
      dropout: rate, of attention probabilities and of both outputs.
      causal: whether a position sees no later one.
      activation: of the feed-forward network, as Keras names it.
      name: layer name.

    Raises:
      ValueError: if a size is below 1, the heads do not divide the channels
        or the rate is not in [0, 1).
    """

    num_adapters = 2

    def __init__(
        self,
        channels: int,
        num_heads: int = 1,
        hidden_size: int | None = None,
        dropout: float = 0.0,
        *,
        causal: bool = True,
        activation: str = "relu",
        name: str | None = None,
        **kwargs,
    ) -> None:
        super().__init__(name=name, **kwargs)
        hidden_size = channels if hidden_size is None else hidden_size
        check_heads(num_heads, channels)
        if hidden_size < 1:
            raise ValueError(
                f"hidden_size should be >= 1, received {hidden_size}"
            )
        check_rate(dropout)
        self.channels = channels
        self.num_heads = num_heads
        self.hidden_size = hidden_size
        self.dropout = dropout
        self.causal = causal
        self.activation = activation
        self.norms = [
            keras.layers.LayerNormalization(epsilon=EPSILON, name=f"norm{i}")
            for i in (1, 2)
        ]
        self.query = keras.layers.Dense(channels, name="query")
        # A bias would shift all scores of a query alike: it changes nothing.
        self.key = keras.layers.Dense(channels, use_bias=False, name="key")
        self.value = keras.layers.Dense(channels, name="value")
        self.output_projection = _writing_dense(channels, "output_projection")
        self.inner = keras.layers.Dense(
            hidden_size, activation=activation, name="inner"
        )
        self.outer = _writing_dense(channels, "outer")

    def build(self, input_shape: tf.TensorShape) -> None:
        width = [None, None, self.channels]
        for layer in (
            *self.norms,
            self.query,
            self.key,
            self.value,
            self.output_projection,
            self.inner,
        ):
            layer.build(width)
        self.outer.build([None, None, self.hidden_size])
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
          adapters: none, or two, after the attention and after the
            feed-forward network: functions of what each read (normalized) and
            of what it gave.
        """
        seeds: Sequence[tf.Tensor | None] = [None] * 3
        if seed is not None:
            seeds = tf.unstack(tf.random.split(seed, 3))
        read = self.norms[0](hidden)
        attended = self._attend(read, mask, seeds[0])
        if adapters:
            attended = adapters[0](read, attended)
        attended = dropout(attended, self.dropout, seeds[1])
        read = self.norms[1](hidden + attended)
        output = self.outer(self.inner(read))
        if adapters:
            output = adapters[1](read, output)
        return attended + dropout(output, self.dropout, seeds[2])

    @property
    def draws(self) -> bool:
        """Whether a step's seed changes what it computes."""
        return self.dropout > 0

    def _attend(
        self,
        hidden: tf.Tensor,
        mask: tf.Tensor | None,
        seed: tf.Tensor | None,
    ) -> tf.Tensor:
        """Scaled dot-product attention, `[batch, length, channels]`."""
        size = self.channels // self.num_heads
        query, key, value = (
            split_heads(projected, self.num_heads, size)
            for projected in (
                self.query(hidden) * size**-0.5,
                self.key(hidden),
                self.value(hidden),
            )
        )
        mixed = attend(
            tf.matmul(query, key, transpose_b=True),
            value,
            self._hidden_keys(tf.shape(hidden)[1], mask),
            lambda probs: dropout(probs, self.dropout, seed),
        )  # [batch, length, channels]
        if mask is not None:
            mixed *= tf.cast(mask, mixed.dtype)[..., tf.newaxis]
        return self.output_projection(mixed)

    def _hidden_keys(
        self, length: tf.Tensor, mask: tf.Tensor | None
    ) -> tf.Tensor | None:
        """What a query must not see: `[batch or 1, 1, length or 1, length]`."""
        hidden_keys = None
        if mask is not None:
            hidden_keys = ~mask[:, tf.newaxis, tf.newaxis]
        if self.causal:
            position = tf.range(length)
            later = position > position[:, tf.newaxis]
            hidden_keys = later[tf.newaxis, tf.newaxis] | (
                False if hidden_keys is None else hidden_keys
            )
        return hidden_keys

    def get_config(self) -> dict:
        return {
            **super().get_config(),
            "channels": self.channels,
            "num_heads": self.num_heads,
            "hidden_size": self.hidden_size,
            "dropout": self.dropout,
            "causal": self.causal,
            "activation": self.activation,
        }


def _writing_dense(channels: int, name: str) -> keras.layers.Dense:
    """A layer whose output is added to the hidden vectors.

    Its small weights start a block near the identity, as in GPT-2 and in the
    replications of SASRec that score best (Klenitskiy and Vasilev 2023).
    """
    return keras.layers.Dense(
        channels,
        kernel_initializer=keras.initializers.RandomNormal(stddev=0.02),
        name=name,
    )
