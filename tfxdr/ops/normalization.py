"""Layer norm and what follows it, with a gradient of few passes."""

from __future__ import annotations

from collections.abc import Callable

import tensorflow as tf


def normalized_relu(
    values: tf.Tensor, scale: tf.Tensor, offset: tf.Tensor, epsilon: float
) -> tf.Tensor:
    """A layer norm (Ba et al. 2016) and a ReLU.

    It is what `keras.layers.LayerNormalization` and `tf.nn.relu` compute one
    after the other, but for rounding. Keras's gradient is that of a dozen
    operations, each of which reads and writes all values; here it is half of
    that. Sums over channels or rows are products with a vector.

    Args:
      values: `[..., channels]`.
      scale: `[channels]`; offset: `[channels]`.
      epsilon: added to the variance.

    Returns:
      The shape of `values`.
    """
    rows = tf.reshape(values, [-1, scale.shape[0]])
    output = _of_rows(
        rows, tf.convert_to_tensor(scale), tf.convert_to_tensor(offset), epsilon
    )
    output = tf.reshape(output, tf.shape(values))
    return tf.ensure_shape(output, values.shape)


def _of_rows(
    values: tf.Tensor, scale: tf.Tensor, offset: tf.Tensor, epsilon: float
) -> tf.Tensor:
    @tf.custom_gradient
    def compute(
        values: tf.Tensor, scale: tf.Tensor, offset: tf.Tensor
    ) -> tuple[tf.Tensor, Callable]:
        centered = values - tf.reduce_mean(values, axis=1, keepdims=True)
        variance = tf.reduce_mean(tf.square(centered), axis=1, keepdims=True)
        inverse = tf.math.rsqrt(variance + epsilon)  # [rows, 1]
        normal = centered * inverse
        output = tf.nn.relu(normal * scale + offset)

        def gradient(slope: tf.Tensor) -> tuple:
            return _gradient(slope, output, normal, inverse, scale)

        return output, gradient

    return compute(values, scale, offset)


def _gradient(
    slope: tf.Tensor,
    output: tf.Tensor,
    normal: tf.Tensor,
    inverse: tf.Tensor,
    scale: tf.Tensor,
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Of values, scale and offset.

    With `n` the normalized values and `g` what comes through the ReLU, that
    of the values is `(g s - mean(g s) - n mean(n g s)) / deviation`.
    """
    slope = tf.raw_ops.ReluGrad(gradients=slope, features=output)
    product = slope * normal
    share = scale[:, tf.newaxis] / float(scale.shape[0])
    of_values = slope * scale - tf.matmul(slope, share)
    of_values = inverse * (of_values - normal * tf.matmul(product, share))
    ones = tf.ones([1, tf.shape(slope)[0]], slope.dtype)
    return (
        of_values,
        tf.matmul(ones, product)[0],
        tf.matmul(ones, slope)[0],
    )
