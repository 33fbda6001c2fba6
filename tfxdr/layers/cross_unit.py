"""The layer that connects CoNet's two towers."""

from __future__ import annotations

import tensorflow as tf
from tensorflow import keras


class CrossUnit(keras.layers.Layer):
    """One level of both towers, each fed by the other, too.

    `s' = relu(W_s s + H t)`, `t' = relu(W_t t + H s)` (Hu et al., CIKM 2018,
    cross connections): one matrix `H` is used in both directions. There is no
    bias, as in the code of BIP's authors.

    Attributes:
      source_kernel: `W_s [in, size]`.
      target_kernel: `W_t [in, size]`.
      transfer: `H [in, size]`.

    Args:
      size: width out.
      name: layer name.

    Raises:
      ValueError: if the size is below 1.
    """

    def __init__(self, size: int, *, name: str | None = None, **kwargs) -> None:
        super().__init__(name=name, **kwargs)
        if size < 1:
            raise ValueError(f"size should be >= 1, received {size}")
        self.size = size

    def build(self, input_shape: tf.TensorShape) -> None:
        self.source_kernel, self.target_kernel, self.transfer = (
            self.add_weight(name, [input_shape[-1], self.size])
            for name in ("source_kernel", "target_kernel", "transfer")
        )
        super().build(input_shape)

    def call(
        self, source: tf.Tensor, target: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Maps two `[batch, in]` to two `[batch, size]`."""
        return (
            tf.nn.relu(
                tf.matmul(source, self.source_kernel)
                + tf.matmul(target, self.transfer)
            ),
            tf.nn.relu(
                tf.matmul(target, self.target_kernel)
                + tf.matmul(source, self.transfer)
            ),
        )

    def get_config(self) -> dict:
        return {**super().get_config(), "size": self.size}
