"""Attention whose outputs are only wanted in sum."""

from __future__ import annotations

import tensorflow as tf

# Scores up to here, either way, are safe as they are: with the gradients'
# gradients, powers of e four times as large turn up, which fit into float32.
_SAFE = 20.0


def pooled_attention(
    queries: tf.Tensor,
    items: tf.Tensor,
    visible: tf.Tensor,
    shares: tf.Tensor,
) -> tf.Tensor:
    """What queries see of items, summed over the queries.

    A query sees the mean of the items, weighted by the softmax of its products
    with them. What it sees is never made: every item gets a number for each
    head, how much all queries together look at it. Scores are not moved by
    their largest unless they are large, which is the same but for rounding.

    Args:
      queries: `[batch, length, heads, size]`, scaled.
      items: `[batch, length, size]`, keys and values of all heads.
      visible: `[batch, length]`, 1 where an item can be seen and 0 elsewhere;
        1 somewhere in every row.
      shares: `[batch, length]`, what each query counts.

    Returns:
      `[batch, heads, size]`.
    """
    length, heads = tf.shape(queries)[1], queries.shape[2]
    queries = tf.reshape(queries, [-1, length * heads, queries.shape[3]])
    scores = tf.matmul(items, queries, transpose_b=True)
    # [batch, items, length * heads]
    odds = _exponentials(scores, visible)
    total = tf.matmul(visible[:, tf.newaxis], odds)
    parts = shares[..., tf.newaxis] / tf.reshape(total, [-1, length, heads])
    # One column for each head, so that one product sums over the queries.
    parts = parts[..., tf.newaxis] * tf.eye(heads, dtype=parts.dtype)
    parts = tf.reshape(parts, [-1, length * heads, heads])
    attention = tf.matmul(odds, parts) * visible[..., tf.newaxis]
    return tf.matmul(attention, items, transpose_a=True)


def _exponentials(scores: tf.Tensor, visible: tf.Tensor) -> tf.Tensor:
    """In proportion to those of the scores, over the items of each query."""

    def moved() -> tf.Tensor:
        hidden = (1 - visible)[..., tf.newaxis] * (scores.dtype.min / 2)
        largest = tf.reduce_max(scores + hidden, axis=1, keepdims=True)
        # What cannot be seen must not be infinite: it is multiplied by 0.
        return tf.exp(tf.minimum(scores - tf.stop_gradient(largest), 0))

    safe = (tf.reduce_max(scores) < _SAFE) & (tf.reduce_min(scores) > -_SAFE)
    return tf.cond(safe, lambda: tf.exp(scores), moved)
