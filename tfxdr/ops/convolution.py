"""Causal convolutions over evenly spaced positions."""

from __future__ import annotations

from collections.abc import Callable

import tensorflow as tf

from tfxdr.ops.own_gradients import has_own_gradients


def causal_convolution(
    hidden: tf.Tensor,
    kernel: tf.Tensor,
    bias: tf.Tensor,
    *,
    dilation: int = 1,
    stride: int = 1,
    count: int | None = None,
) -> tf.Tensor:
    """A convolution that sees no later position, as `keras.layers.Conv1D`.

    The last output is always that at the last position. TensorFlow's own
    gradient of a dilated convolution rearranges positions before and after, or
    exists on some devices only; here, on CPUs, it is two products of matrices
    over all taps at once.

    Args:
      hidden: `[batch, length, channels]`; what lies left of it is zero.
      kernel: `[taps, channels, filters]`.
      bias: `[filters]`.
      dilation: from one tap to the next.
      stride: from one output to the one before.
      count: how many outputs there are at most; by default one for each
        `stride` positions that have begun.

    Returns:
      `[batch, outputs, filters]`.
    """
    missing = (kernel.shape[0] - 1) * dilation  # positions before the first
    outputs = length = tf.shape(hidden)[1]
    if stride > 1 or count is not None:
        outputs = tf.minimum(-(-length // stride), count or length)
        missing += (outputs - 1) * stride + 1 - length
        unread = tf.maximum(-missing, 0)
        hidden = tf.slice(hidden, [0, unread, 0], [-1, -1, -1])
        missing = tf.maximum(missing, 0)
    kernel, bias = tf.convert_to_tensor(kernel), tf.convert_to_tensor(bias)

    def forward(
        hidden: tf.Tensor, kernel: tf.Tensor, bias: tf.Tensor
    ) -> tf.Tensor:
        padded = tf.pad(hidden, [[0, 0], [missing, 0], [0, 0]])
        output = tf.nn.conv2d(
            padded[:, tf.newaxis],
            kernel[tf.newaxis],
            strides=[1, stride],
            padding="VALID",
            dilations=[1, dilation],
        )
        # Of no rows, oneDNN's convolution forgets what dilation leaves out.
        shape = [tf.shape(hidden)[0], outputs, kernel.shape[2]]
        return tf.reshape(tf.nn.bias_add(output, bias), shape)

    @tf.custom_gradient
    def with_products(
        hidden: tf.Tensor, kernel: tf.Tensor, bias: tf.Tensor
    ) -> tuple[tf.Tensor, Callable]:
        def gradient(slope: tf.Tensor) -> tuple:
            return _gradient(slope, hidden, kernel, dilation, stride)

        return forward(hidden, kernel, bias), gradient

    compute = with_products if has_own_gradients() else forward
    return compute(hidden, kernel, bias)


def _gradient(
    slope: tf.Tensor,
    hidden: tf.Tensor,
    kernel: tf.Tensor,
    dilation: int,
    stride: int,
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Of a convolution's inputs, kernel and bias.

    With a position's readers side by side, one for each tap, both are products:
    over taps and filters for the position, over positions for the kernel.
    """
    num_taps, channels, filters = kernel.shape
    readers = _readers(slope, tf.shape(hidden)[1], num_taps, dilation, stride)
    readers = tf.reshape(readers, [-1, num_taps * filters])
    by_tap = tf.transpose(kernel, [0, 2, 1])  # [taps, filters, channels]
    of_hidden = tf.matmul(
        readers, tf.reshape(by_tap, [num_taps * filters, channels])
    )
    of_kernel = tf.matmul(
        tf.reshape(hidden, [-1, channels]), readers, transpose_a=True
    )  # [channels, taps * filters]
    of_kernel = tf.reshape(of_kernel, [channels, num_taps, filters])
    ones = tf.ones([1, tf.size(slope) // filters], slope.dtype)
    return (
        tf.reshape(of_hidden, tf.shape(hidden)),
        tf.transpose(of_kernel, [1, 0, 2]),
        tf.matmul(ones, tf.reshape(slope, [-1, filters]))[0],
    )


def _readers(
    slope: tf.Tensor,
    length: tf.Tensor,
    num_taps: int,
    dilation: int,
    stride: int,
) -> tf.Tensor:
    """Slopes of the outputs that read each position, tap by tap.

    Args:
      slope: `[batch, outputs, filters]`.
      length: how many positions there are.
      num_taps: of the kernel; the last one reads the output's own position.
      dilation: from one tap to the next.
      stride: from one output to the one before.

    Returns:
      `[batch, length * taps, filters]`, zero where a tap has no output.
    """
    outputs = tf.shape(slope)[1]
    back = dilation * tf.range(num_taps - 1, -1, -1)
    # Of each reader, how far it lies from the last position: [length, taps].
    distance = tf.range(length - 1, -1, -1)[:, tf.newaxis] - back
    row = outputs - distance // stride  # behind one row of zeros
    is_output = (distance >= 0) & (distance % stride == 0) & (row > 0)
    row = tf.reshape(tf.where(is_output, row, 0), [-1])
    return tf.gather(tf.pad(slope, [[0, 0], [1, 0], [0, 0]]), row, axis=1)
