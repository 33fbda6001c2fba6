"""HR, MRR and NDCG: hand-worked, and against an independent reference."""

from __future__ import annotations

import math

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies

from tfxdr import errors
from tfxdr.evaluation import metrics

RANKS = np.array([1, 3, 5, 6], np.int32)


def _reference(scores, n):
    """HR, MRR and NDCG of lists whose first score is the positive's.

    Sorts, builds relevance vectors and divides by the ideal gain, as for any
    number of positives; knows nothing of ranks.
    """
    hr = rr = gain = 0.0
    for row in scores:
        order = sorted(range(len(row)), key=lambda i: (-row[i], i == 0))
        relevance = [1 if item == 0 else 0 for item in order[:n]]
        hr += any(relevance)
        for place, relevant in enumerate(relevance):
            if relevant:
                rr += 1 / (place + 1)
                break
        ideal = 1 / math.log2(2)
        gain += (
            sum(
                (2**relevant - 1) / math.log2(place + 2)
                for place, relevant in enumerate(relevance)
            )
            / ideal
        )
    return [total / len(scores) for total in (hr, rr, gain)]


def test_hand_worked():
    assert metrics.hit_ratio(RANKS, 5) == 3 / 4
    assert metrics.mrr(RANKS, 5) == pytest.approx((1 + 1 / 3 + 1 / 5) / 4)
    assert metrics.ndcg(RANKS, 5) == pytest.approx(
        (1 + 1 / 2 + 1 / math.log2(6)) / 4
    )


def test_nothing_counts_beyond_the_cutoff():
    for metric in (metrics.hit_ratio, metrics.mrr, metrics.ndcg):
        assert metric(np.array([6, 7, 1000]), 5) == 0.0
        assert metric(np.array([1, 1]), 1) == 1.0


@hypothesis.settings(max_examples=100)
@hypothesis.given(
    strategies.lists(
        strategies.lists(
            strategies.sampled_from([-1.0, 0.0, 0.5, 3.0]),
            min_size=8,
            max_size=8,
        ),
        min_size=1,
        max_size=6,
    ),
    strategies.integers(1, 10),
)
def test_equals_the_reference(scores, n):
    ranks = np.array([1 + sum(s >= row[0] for s in row[1:]) for row in scores])
    got = [metric(ranks, n) for metric in _METRICS]
    np.testing.assert_allclose(got, _reference(scores, n), rtol=1e-12)


_METRICS = (metrics.hit_ratio, metrics.mrr, metrics.ndcg)


@hypothesis.settings(max_examples=50)
@hypothesis.given(
    strategies.lists(strategies.integers(1, 40), min_size=1),
    strategies.integers(1, 20),
)
def test_order_of_the_metrics(ranks, n):
    """MRR <= NDCG <= HR, and none falls when the cutoff grows."""
    hr, mrr, ndcg = (metric(np.array(ranks), n) for metric in _METRICS)
    assert 0 <= mrr <= ndcg + 1e-12 <= hr + 2e-12 <= 1 + 3e-12
    for metric in _METRICS:
        assert metric(np.array(ranks), n) <= metric(np.array(ranks), n + 1)


def test_per_instance_values_average_to_the_metrics():
    assert metrics.hits(RANKS, 5).tolist() == [1, 1, 1, 0]
    for values, metric in zip(
        metrics.PER_INSTANCE.values(), _METRICS, strict=True
    ):
        assert values(RANKS, 5).mean() == metric(RANKS, 5)


def test_keys_name_cutoff_and_sampling():
    full = metrics.ranking_metrics(RANKS, (5, 10))
    assert list(full) == [
        *("hr@5", "mrr@5", "ndcg@5"),
        *("hr@10", "mrr@10", "ndcg@10"),
    ]
    sampled = metrics.ranking_metrics(RANKS, [5], num_negatives=99)
    assert list(sampled) == ["hr@5/uni99", "mrr@5/uni99", "ndcg@5/uni99"]
    assert sampled["hr@5/uni99"] == full["hr@5"] == 0.75
    assert all(type(value) is float for value in full.values())


def test_no_instance_is_an_error_of_the_input():
    with pytest.raises(errors.InputError, match="holds no target item"):
        metrics.ranking_metrics(np.array([], np.int32), (5,))


def test_refuses_impossible_ranks_and_cutoffs():
    with pytest.raises(ValueError, match="ranks start at 1"):
        metrics.mrr(np.array([0, 1]), 5)
    with pytest.raises(ValueError, match="cutoff should be at least 1"):
        metrics.mrr(np.array([1]), 0)
