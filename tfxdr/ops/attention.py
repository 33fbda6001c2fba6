"""Attention of several heads, but for the scores of its queries and keys."""

from __future__ import annotations

from collections.abc import Callable

import tensorflow as tf


def check_heads(num_heads: int, channels: int) -> None:
    """Refuses heads that do not share channels evenly.

    Raises:
      ValueError: a number is below 1, or heads do not divide channels.
    """
    if channels < 1 or num_heads < 1 or channels % num_heads:
        raise ValueError(
            "num_heads should divide channels, received "
            f"num_heads={num_heads}, channels={channels}"
        )


def split_heads(hidden: tf.Tensor, num_heads: int, size: int) -> tf.Tensor:
    """`[batch, length, heads * size]` to `[batch, heads, length, size]`."""
    batch, length = tf.unstack(tf.shape(hidden)[:2])
    # [batch, length, heads, size]
    heads = tf.reshape(hidden, [batch, length, num_heads, size])
    return tf.transpose(heads, [0, 2, 1, 3])


def merge_heads(heads: tf.Tensor) -> tf.Tensor:
    """The inverse of `split_heads`."""
    batch, _, length, _ = tf.unstack(tf.shape(heads))
    _, num_heads, _, size = heads.shape
    # [batch, length, heads, size]
    hidden = tf.transpose(heads, [0, 2, 1, 3])
    return tf.reshape(hidden, [batch, length, num_heads * size])


def attend(
    scores: tf.Tensor,
    values: tf.Tensor,
    hidden_keys: tf.Tensor | None = None,
    drop: Callable[[tf.Tensor], tf.Tensor] | None = None,
) -> tf.Tensor:
    """The mean of the values, weighted by the softmax of the scores.

    Args:
      scores: `[batch, heads, queries, keys]`, scaled.
      values: `[batch, heads, keys, size]`.
      hidden_keys: bool of a shape that broadcasts with `scores`, true where a
        query must not see a key; a query that sees none gets a mean of all.
      drop: what becomes of the weights; dropout.

    Returns:
      `[batch, queries, heads * size]`.
    """
    if hidden_keys is not None:
        # Finite, so that a row that sees nothing gives no NaN.
        scores += tf.cast(hidden_keys, scores.dtype) * (scores.dtype.min / 2)
    weights = tf.nn.softmax(scores)
    if drop is not None:
        weights = drop(weights)
    return merge_heads(tf.matmul(weights, values))
