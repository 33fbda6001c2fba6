"""Layer norm and what follows it, with a gradient of few passes."""

from __future__ import annotations

from collections.abc import Callable

import tensorflow as tf

from tfxdr.ops.own_gradients import has_own_gradients


def normalized_relu(
    values: tf.Tensor,
    scale: tf.Tensor,
    offset: tf.Tensor,
    epsilon: float,
    mask: tf.Tensor | None = None,
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
      mask: `[...]` bool; where it is false, the result is zero.

    Returns:
      The shape of `values`.
    """
    rows = tf.reshape(values, [-1, scale.shape[0]])
    if mask is not None:
        mask = tf.reshape(tf.cast(mask, values.dtype), [-1, 1])

    def compute(
        rows: tf.Tensor, scale: tf.Tensor, offset: tf.Tensor
    ) -> tuple[tf.Tensor, Callable]:
        centered = rows - tf.reduce_mean(rows, axis=1, keepdims=True)
        variance = tf.reduce_mean(tf.square(centered), axis=1, keepdims=True)
        inverse = tf.math.rsqrt(variance + epsilon)  # [rows, 1]
        normal = centered * inverse
        output = tf.nn.relu(normal * scale + offset)
        if mask is not None:
            output *= mask

        def gradient(slope: tf.Tensor) -> tuple:
            return _gradient(slope, output, normal, inverse, scale)

        return output, gradient

    inputs = rows, tf.convert_to_tensor(scale), tf.convert_to_tensor(offset)
    if has_own_gradients():
        output = tf.custom_gradient(compute)(*inputs)
    else:
        output, _ = compute(*inputs)
    output = tf.reshape(output, tf.shape(values))
    return tf.ensure_shape(output, values.shape)


def _gradient(
    slope: tf.Tensor,
    output: tf.Tensor,
    normal: tf.Tensor,
    inverse: tf.Tensor,
    scale: tf.Tensor,
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Of values, scale and offset.

    With `n` the normalized values and `g` what comes through the ReLU (nothing
    where the output is zero, by the mask or by itself), that of the values is
    `(g s - mean(g s) - n mean(n g s)) / deviation`.
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
