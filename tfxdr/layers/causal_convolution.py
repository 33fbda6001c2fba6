"""The residual mapping of NextItNet."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import tensorflow as tf
from tensorflow import keras

from tfxdr.ops.convolution import causal_convolution
from tfxdr.ops.normalization import normalized_relu
from tfxdr.ops.positions import Positions

EPSILON = 1e-8  # of the layer norm in the authors' code


class CausalConvolutionBlock(keras.layers.Layer):
    """`F(E)` of UAF Eq. 2: twice causal convolution, layer norm, ReLU.

    The skip connection is not part of it (it stands in Eq. 1 and 6, where
    frozen and tuned mappings share it). Positions under the mask are set to
    zero before each convolution, which is what lies left of the first item
    anyway: the result does not depend on the amount of padding.

    Attributes:
      num_adapters: how many adapters it has room for.
      draws: whether a step's seed changes what it computes.

    Args:
      channels: width in and out.
      kernel_size: taps of each convolution.
      dilation: of the first convolution; the second has twice as much.
      name: layer name.

    Raises:
      ValueError: if a size is below 1.
    """

    num_adapters = 2
    draws = False

    def __init__(
        self,
        channels: int,
        kernel_size: int = 3,
        dilation: int = 1,
        *,
        name: str | None = None,
        **kwargs,
    ) -> None:
        super().__init__(name=name, **kwargs)
        sizes = {
            "channels": channels,
            "kernel_size": kernel_size,
            "dilation": dilation,
        }
        for key, size in sizes.items():
            if size < 1:
                raise ValueError(f"{key} should be >= 1, received {size}")
        self.channels = channels
        self.kernel_size = kernel_size
        self.dilation = dilation
        self.convolutions = [
            self._convolution("conv1", dilation),
            self._convolution("conv2", 2 * dilation),
        ]
        self.norms = [
            keras.layers.LayerNormalization(epsilon=EPSILON, name=f"norm{i}")
            for i in (1, 2)
        ]

    def _convolution(self, name: str, dilation: int) -> keras.layers.Conv1D:
        return keras.layers.Conv1D(
            self.channels,
            self.kernel_size,
            padding="causal",
            dilation_rate=dilation,
            kernel_initializer=keras.initializers.TruncatedNormal(stddev=0.02),
            name=name,
        )

    def reads(self, outputs: Positions) -> Positions:
        """The positions of its input that outputs at these depend on."""
        return self._spacings(outputs)[0]

    def _spacings(self, outputs: Positions) -> list[Positions]:
        """Where inputs of the first and second convolution lie, and outputs."""
        found = [outputs]
        for dilation in (2 * self.dilation, self.dilation):
            found.insert(0, found[0].read_by(self.kernel_size, dilation))
        return found

    def build(self, input_shape: tf.TensorShape) -> None:
        for layer in (*self.convolutions, *self.norms):
            layer.build(input_shape)
        super().build(input_shape)

    def call(
        self,
        hidden: tf.Tensor,
        mask: tf.Tensor | None = None,
        seed: tf.Tensor | None = None,
        adapters: Sequence[Callable] = (),
        outputs: Positions | None = None,
    ) -> tf.Tensor:
        """Maps `[batch, length, channels]` to the same shape.

        Args:
          hidden: the block's input.
          mask: `[batch, length]` bool, true where an item is; `None` means
            that every position counts.
          seed: unused; there is no dropout here.
          adapters: none, or one for each convolution, from its input and its
            output to what goes into the layer norm.
          outputs: the positions that will be read; the input then holds those
            of `reads(outputs)` alone, and so does the mask. By default all.
        """
        del seed
        places = [None] * 3 if outputs is None else self._spacings(outputs)
        if mask is not None:
            hidden *= tf.cast(mask, hidden.dtype)[..., tf.newaxis]
            mask = mask if places[1] is None else places[1].of(mask, places[0])
        for index, norm in enumerate(self.norms):
            given, wanted = places[index : index + 2]
            output = self._convolved(index, hidden, given, wanted)
            if adapters:
                read = hidden if wanted is None else wanted.of(hidden, given)
                output = adapters[index](read, output)
            hidden = normalized_relu(
                output,
                norm.gamma,
                norm.beta,
                EPSILON,
                mask=None if index else mask,  # what the second one reads
            )
        return hidden

    def _convolved(
        self,
        index: int,
        hidden: tf.Tensor,
        given: Positions | None,
        wanted: Positions | None,
    ) -> tf.Tensor:
        """One of the convolutions, from some positions to some of these."""
        layer = self.convolutions[index]
        dilation = (index + 1) * self.dilation
        if given is None or wanted is None:
            return causal_convolution(
                hidden, layer.kernel, layer.bias, dilation=dilation
            )
        return causal_convolution(
            hidden,
            layer.kernel,
            layer.bias,
            dilation=dilation // given.step,
            stride=wanted.stride_over(given),
            count=wanted.number,
        )

    def get_config(self) -> dict:
        return {
            **super().get_config(),
            "channels": self.channels,
            "kernel_size": self.kernel_size,
            "dilation": self.dilation,
        }
