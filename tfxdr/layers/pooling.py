"""From the hidden vectors of a history to one user vector."""

from __future__ import annotations

import tensorflow as tf


def pool(hidden: tf.Tensor, mask: tf.Tensor, pooling: str) -> tf.Tensor:
    """The user vector that the target head reads.

    Args:
      hidden: `[batch, length, d]`.
      mask: `[batch, length]` bool, true where an item is.
      pooling: `last`, the paper's `h_n` (UAF Eq. 7), or `mean` over the
        positions that hold an item.

    Returns:
      `[batch, d]`.

    Raises:
      ValueError: for another pooling.
    """
    if pooling == "last":
        return hidden[:, -1]
    if pooling == "mean":
        weight = tf.cast(mask, hidden.dtype)[..., tf.newaxis]
        count = tf.maximum(tf.reduce_sum(weight, axis=1), 1.0)  # [batch, 1]
        return tf.reduce_sum(hidden * weight, axis=1) / count
    raise ValueError(
        f"pooling should be 'last' or 'mean', received {pooling!r}"
    )
