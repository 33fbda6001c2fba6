"""Ranking metrics from 1-based ranks: HR@N, MRR@N and NDCG@N.

With one positive per instance, as here, they need no more than its rank (UAF,
section 4.2; NDCG after Järvelin and Kekäläinen, 2002). The per-instance values
are public, because two runs are compared on them.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from tfxdr import errors
from tfxdr.registry.metric_names import RANKING_METRICS, ranking_metric


def hits(ranks: np.ndarray, n: int) -> np.ndarray:
    """1 where the positive is among the first `n`, else 0; `[instances]`."""
    ranks = _checked(ranks, n)
    return (ranks <= n).astype(np.float64)


def reciprocal_ranks(ranks: np.ndarray, n: int) -> np.ndarray:
    """`1 / rank` among the first `n`, else 0; `[instances]`."""
    ranks = _checked(ranks, n)
    return np.where(ranks <= n, 1.0 / ranks, 0.0)


def discounted_gains(ranks: np.ndarray, n: int) -> np.ndarray:
    """`1 / log2(1 + rank)` among the first `n`, else 0; `[instances]`."""
    ranks = _checked(ranks, n)
    return np.where(ranks <= n, 1.0 / np.log2(1.0 + ranks), 0.0)


PER_INSTANCE = dict(
    zip(
        RANKING_METRICS, (hits, reciprocal_ranks, discounted_gains), strict=True
    )
)


def hit_ratio(ranks: np.ndarray, n: int) -> float:
    """HR@n, the share of positives among the first `n`."""
    return float(np.mean(hits(_not_empty(ranks), n)))


def mrr(ranks: np.ndarray, n: int) -> float:
    """MRR@n, the mean reciprocal rank, 0 beyond `n`."""
    return float(np.mean(reciprocal_ranks(_not_empty(ranks), n)))


def ndcg(ranks: np.ndarray, n: int) -> float:
    """NDCG@n; the ideal gain of a single positive is 1."""
    return float(np.mean(discounted_gains(_not_empty(ranks), n)))


def ranking_metrics(
    ranks: np.ndarray, top_n: Sequence[int], num_negatives: int = 0
) -> dict[str, float]:
    """All three metrics at every cutoff.

    Args:
      ranks: `[instances]` integers, 1 is best.
      top_n: the cutoffs.
      num_negatives: how many negatives were sampled per user; 0 means that
        the positive competed with all items. The keys say which it was.

    Returns:
      `hr@5`, `mrr@5`, `ndcg@5`, ... or `hr@5/uni99`, ..., cutoff by cutoff.

    Raises:
      InputError: there is not one rank.
      ValueError: a rank or a cutoff is below 1.
    """
    ranks = _not_empty(ranks)
    return {
        ranking_metric(name, n, num_negatives): float(np.mean(values(ranks, n)))
        for n in top_n
        for name, values in PER_INSTANCE.items()
    }


def _not_empty(ranks: np.ndarray) -> np.ndarray:
    ranks = np.asarray(ranks)
    if not ranks.size:
        raise errors.InputError(
            "there is nothing to rank: the split holds no target item; "
            "give it a larger share of the data (--split_fractions)"
        )
    return ranks


def _checked(ranks: np.ndarray, n: int) -> np.ndarray:
    ranks = np.asarray(ranks)
    if n < 1:
        raise ValueError(f"a cutoff should be at least 1. Received: {n}")
    if ranks.size and ranks.min() < 1:
        raise ValueError(f"ranks start at 1. Received: {ranks.min()}")
    return ranks
