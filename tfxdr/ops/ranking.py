"""Where a positive item stands among its competitors.

Both functions are pessimistic: a tie counts against the positive, so a model
that gives every item one score earns the worst rank and not the best.
"""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from tfxdr.ops.ragged import Ragged
from tfxdr.types import FIRST_ITEM


def rank_of_positive(
    scores: np.ndarray,
    positive: np.ndarray,
    *,
    row: np.ndarray | None = None,
    excluded: Ragged | None = None,
) -> np.ndarray:
    """Ranks each instance's positive among all items of the vocabulary.

    The rank is one plus the number of other eligible items that score at
    least as much. Ids 0 and 1 are never eligible. A comparison with NaN counts
    against the positive too, so that NaN never earns a good rank.

    Rows of scores are compared one by one, so that what is counted is in cache,
    and those of excluded items once more: no copy of the scores is made, and
    no mask over the catalogue.

    Args:
      scores: `[rows, items]` floats, one column per item id.
      positive: `[instances]` integer ids of the positives, at least 2.
      row: `[instances]`, the row of the scores that each is ranked in; by
        default one after the other.
      excluded: distinct ids of real items that must not compete, for each row
        (those the user already knows). Excluding the positive changes nothing.

    Returns:
      `[instances]` int32, 1 is best.
    """
    positive = np.asarray(positive)
    row = np.arange(len(positive)) if row is None else np.asarray(row)
    of_positive = scores[row, positive]  # [instances]
    real = scores[:, FIRST_ITEM:]
    beaten = np.fromiter(
        (
            np.count_nonzero(real[place] < score)  # false for NaN
            for place, score in zip(row, of_positive, strict=True)
        ),
        np.int64,
        len(positive),
    )
    rank = real.shape[1] - beaten  # the positive is not beaten by itself
    if excluded is not None:
        rank -= _unbeaten(scores, positive, row, excluded.take(row))
    return rank.astype(np.int32)


def _unbeaten(
    scores: np.ndarray, positive: np.ndarray, row: np.ndarray, items: Ragged
) -> np.ndarray:
    """How many of an instance's items score at least as much, `[instances]`."""
    instance, item = items.row_of_value, items.values
    of_positive = scores[row, positive][instance]
    rivals = ~(scores[row[instance], item] < of_positive)
    rivals &= item != positive[instance]
    return np.bincount(instance[rivals], minlength=len(positive))


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
    return 1 + tf.reduce_sum(tf.cast(~beaten, tf.int32), axis=-1)
