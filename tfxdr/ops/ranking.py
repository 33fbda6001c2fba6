"""Where a positive item stands among its competitors.

Both functions are pessimistic: a tie counts against the positive, so a model
that gives every item one score earns the worst rank and not the best.
"""

from __future__ import annotations

import tensorflow as tf

from tfxdr.types import FIRST_ITEM


def rank_of_positive(
    scores: tf.Tensor,
    positive: tf.Tensor,
    excluded: tf.Tensor | None = None,
) -> tf.Tensor:
    """Ranks each row's positive among all items of the vocabulary.

    The rank is one plus the number of other eligible items that score at
    least as much. Ids 0 and 1 are never eligible. A comparison with NaN counts
    against the positive too, so that NaN never earns a good rank.

    Args:
      scores: `[instances, items]` floats, one column per item id.
      positive: `[instances]` integer ids of the positives, at least 2.
      excluded: `[instances, items]` bool, items that must not compete (those
        the user already knows). Excluding the positive changes nothing.

    Returns:
      `[instances]` int32, 1 is best.
    """
    scores = tf.convert_to_tensor(scores)
    positive = tf.cast(positive, tf.int32)
    positive_scores = tf.gather(scores, positive, batch_dims=1)  # [instances]
    items = tf.range(tf.shape(scores)[1])
    rivals = tf.not_equal(items[tf.newaxis], positive[:, tf.newaxis])
    rivals &= items >= FIRST_ITEM  # [instances, items]
    if excluded is not None:
        rivals &= ~tf.convert_to_tensor(excluded)
    beaten = scores < positive_scores[:, tf.newaxis]  # false for NaN
    return 1 + _count(rivals & ~beaten)


def rank_among(
    positive_scores: tf.Tensor, candidate_scores: tf.Tensor
) -> tf.Tensor:
    """Ranks each positive among the candidates drawn for it.

    Args:
      positive_scores: `[...]` floats, one for each instance.
      candidate_scores: `[..., candidates]` floats; every candidate competes,
        so none may be the positive itself. Leading dimensions broadcast.

    Returns:
      `[...]` int32 from 1 to `candidates + 1`; ties and NaN count against the
      positive.
    """
    candidate_scores = tf.convert_to_tensor(candidate_scores)
    positive_scores = tf.convert_to_tensor(positive_scores)
    beaten = candidate_scores < positive_scores[..., tf.newaxis]
    return 1 + _count(~beaten)


def _count(marks: tf.Tensor) -> tf.Tensor:
    return tf.reduce_sum(tf.cast(marks, tf.int32), axis=-1)
