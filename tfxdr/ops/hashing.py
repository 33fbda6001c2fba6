"""Random bits that depend on what a history holds, and on nothing else."""

from __future__ import annotations

import tensorflow as tf

_GOLDEN = 0x9E3779B9  # 2^32 over the golden ratio: spreads small integers


def hash_history(history: tf.Tensor, seed: int) -> tf.Tensor:
    """Hashes each history with a seed.

    Items enter with their distance from the end, so padding on the left
    changes nothing. The numbers are the same in every process.

    Args:
      history: `[batch, length]` int32, padded with 0 on the left.
      seed: not negative.

    Returns:
      `[batch]` uint32.
    """
    place = tf.range(tf.shape(history)[1])[::-1] + 1
    key = _mix(tf.cast(place, tf.uint32) * _constant(_GOLDEN) + _constant(seed))
    mixed = _mix(tf.bitwise.bitwise_xor(tf.cast(history, tf.uint32), key))
    values = tf.where(history != 0, tf.cast(mixed, tf.int64), 0)
    total = tf.reduce_sum(values, axis=1) % (1 << 32)
    return _mix(tf.cast(total, tf.uint32) + _constant(seed))


def random_bits(hashes: tf.Tensor, num_bits: int) -> tf.Tensor:
    """Fair, independent bits from a hash.

    Args:
      hashes: `[batch]` uint32.
      num_bits: how many.

    Returns:
      `[batch, num_bits]` float32, 0 or 1.
    """
    top = tf.bitwise.right_shift(_spread(hashes, num_bits), _constant(31))
    return tf.cast(tf.cast(top, tf.int32), tf.float32)


def random_uniforms(hashes: tf.Tensor, count: int) -> tf.Tensor:
    """Independent numbers from a hash, evenly spread.

    Args:
      hashes: `[batch]` uint32.
      count: how many.

    Returns:
      `[batch, count]` float32, inside (0, 1).
    """
    top = tf.bitwise.right_shift(_spread(hashes, count), _constant(9))
    return (tf.cast(tf.cast(top, tf.int32), tf.float32) + 0.5) * 2.0**-23


def _spread(hashes: tf.Tensor, count: int) -> tf.Tensor:
    """`[batch, count]` uint32 of `[batch]`."""
    offset = tf.cast(tf.range(1, count + 1), tf.uint32) * _constant(_GOLDEN)
    return _mix(hashes[:, tf.newaxis] + offset)


def _mix(value: tf.Tensor) -> tf.Tensor:
    """The finalizer of MurmurHash3 (Appleby 2011): each bit moves half."""
    shift, xor = tf.bitwise.right_shift, tf.bitwise.bitwise_xor
    value = xor(value, shift(value, _constant(16))) * _constant(0x85EBCA6B)
    value = xor(value, shift(value, _constant(13))) * _constant(0xC2B2AE35)
    return xor(value, shift(value, _constant(16)))


def _constant(value: int) -> tf.Tensor:
    return tf.constant(value % (1 << 32), tf.uint32)
