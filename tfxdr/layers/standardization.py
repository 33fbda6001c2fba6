"""Features without what all users share."""

from __future__ import annotations

import tensorflow as tf
from tensorflow import keras

from tfxdr.ops import parts

_MOMENTUM = 0.9  # of the running moments, once ten batches were seen
_EPSILON = 1e-5


class Standardization(keras.layers.Layer):
    """Each feature less its mean over users, in units of its deviation.

    Training takes the moments of the batch, with their gradient, inference the
    running ones, so that answers do not depend on who else is asked for. The
    first moments are averaged evenly, then exponentially: nothing is left of
    the values that they start with. There is no learned scale or shift.

    Batch normalization (Ioffe and Szegedy 2015) without its affine part.
    """

    def build(self, input_shape: tf.TensorShape) -> None:
        width = [input_shape[-1]]
        self.mean = self._moment("mean", width, "zeros")
        self.variance = self._moment("variance", width, "ones")
        self.batches = self._moment("batches", [], "zeros")
        super().build(input_shape)

    def _moment(self, name: str, shape: list, start: str) -> tf.Variable:
        return self.add_weight(name, shape, initializer=start, trainable=False)

    def call(self, vector: tf.Tensor, training: bool = False) -> tf.Tensor:
        """Maps `[batch, d]` to the same shape.

        Args:
          vector: of the users.
          training: takes the moments of the batch, and remembers them.
        """
        if not training:
            return _scaled(vector, self.mean, self.variance)
        mean, variance = parts.moments(vector)
        if parts.leads():
            self._remember(mean, variance)
        return _scaled(vector, mean, variance)

    def _remember(self, mean: tf.Tensor, variance: tf.Tensor) -> None:
        self.batches.assign_add(1.0)
        share = tf.maximum(1.0 / self.batches, 1.0 - _MOMENTUM)
        for kept, seen in ((self.mean, mean), (self.variance, variance)):
            kept.assign_add(share * (tf.stop_gradient(seen) - kept))


def _scaled(
    vector: tf.Tensor, mean: tf.Tensor, variance: tf.Tensor
) -> tf.Tensor:
    return (vector - mean) * tf.math.rsqrt(variance + _EPSILON)
