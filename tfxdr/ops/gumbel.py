"""Sampling from a categorical distribution with a gradient."""

from __future__ import annotations

import tensorflow as tf

from tfxdr.ops import parts

_UNIFORM_STEP = 2.0**-23  # between two values of TensorFlow's float32 draws


def sample_gumbel(shape: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    """Gumbel(0, 1) noise, `-log(-log(u))` (UAF section 3.3.1).

    Args:
      shape: of the result; the first dimension is the rows of a batch.
      seed: `[2]` int32.

    Returns:
      float32, always finite: u is kept inside (0, 1).
    """
    uniform = parts.uniform(shape, seed)  # k / 2^23, from 0
    inside = uniform + 0.5 * _UNIFORM_STEP
    return -tf.math.log(-tf.math.log(inside))


def straight_through(hard: tf.Tensor, soft: tf.Tensor) -> tf.Tensor:
    """The value of `hard`, to the bit, with the gradient of `soft`."""
    return tf.stop_gradient(hard) + (soft - tf.stop_gradient(soft))


def gumbel_softmax(
    log_prob: tf.Tensor, temperature: float, seed: tf.Tensor
) -> tf.Tensor:
    """Straight-through Gumbel-softmax sample (UAF Eq. 9 and 10).

    Forward it is `one_hot(argmax(g + log pi))`, backward the gradient of
    `softmax((g + log pi) / temperature)` with the same noise g.

    Args:
      log_prob: `[..., k]` log pi; a constant added to a row changes nothing.
      temperature: of the relaxation.
      seed: `[2]` int32.

    Returns:
      `[..., k]`, one-hot in the last dimension.
    """
    perturbed = log_prob + sample_gumbel(tf.shape(log_prob), seed)
    hard = tf.one_hot(
        tf.argmax(perturbed, axis=-1), tf.shape(log_prob)[-1], dtype=tf.float32
    )
    return straight_through(hard, tf.nn.softmax(perturbed / temperature))
