"""The residual mapping of NextItNet."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import tensorflow as tf
from tensorflow import keras

EPSILON = 1e-8  # of the layer norm in the authors' code


class CausalConvolutionBlock(keras.layers.Layer):
    """`F(E)` of UAF Eq. 2: twice causal convolution, layer norm, ReLU.

    The skip connection is not part of it (it stands in Eq. 1 and 6, where
    frozen and tuned mappings share it). Positions under the mask are set to
    zero before each convolution, which is what lies left of the first item
    anyway: the result does not depend on the amount of padding.

    Attributes:
      num_adapters: how many adapters it has room for.

    Args:
      channels: width in and out.
      kernel_size: taps of each convolution.
      dilation: of the first convolution; the second has twice as much.
      name: layer name.

    Raises:
      ValueError: if a size is below 1.
    """

    num_adapters = 2

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

    @property
    def receptive_field(self) -> int:
        """How many positions an output depends on, itself included."""
        return 1 + (self.kernel_size - 1) * 3 * self.dilation

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
    ) -> tf.Tensor:
        """Maps `[batch, length, channels]` to the same shape.

        Args:
          hidden: the block's input.
          mask: `[batch, length]` bool, true where an item is; `None` means
            that every position counts.
          seed: unused; there is no dropout here.
          adapters: none, or one for each convolution, from its input and its
            output to what goes into the layer norm.
        """
        del seed
        for index, convolution in enumerate(self.convolutions):
            if mask is not None:
                hidden *= tf.cast(mask, hidden.dtype)[..., tf.newaxis]
            output = convolution(hidden)
            if adapters:
                output = adapters[index](hidden, output)
            hidden = tf.nn.relu(self.norms[index](output))
        return hidden

    def get_config(self) -> dict:
        return {
            **super().get_config(),
            "channels": self.channels,
            "kernel_size": self.kernel_size,
            "dilation": self.dilation,
        }
