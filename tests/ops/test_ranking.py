"""rank_of_positive and rank_among: hand-worked, and against sorting."""

from __future__ import annotations

import hypothesis
import hypothesis.extra.numpy as arrays
import numpy as np
import pytest
from hypothesis import strategies

from tfxdr.ops import ranking
from tfxdr.ops.ragged import Ragged

# Few distinct scores, so that ties are common.
_SCORES = strategies.sampled_from([-np.inf, -1.5, 0.0, 0.25, 2.0, np.inf])


def _rank_by_sorting(scores, positive, excluded):
    """The positive's place in the list that a pessimist would show."""
    candidates = [
        item
        for item in range(2, len(scores))
        if item == positive or not excluded[item]
    ]
    shown = sorted(
        candidates, key=lambda item: (-scores[item], item == positive)
    )
    return shown.index(positive) + 1


@strategies.composite
def _tables(draw):
    instances = draw(strategies.integers(1, 4))
    items = draw(strategies.integers(3, 9))
    shape = (instances, items)
    return (
        draw(arrays.arrays(np.float32, shape, elements=_SCORES)),
        draw(
            arrays.arrays(
                np.int32,
                instances,
                elements=strategies.integers(2, items - 1),
            )
        ),
        draw(arrays.arrays(np.bool_, shape)),
    )


def _rows(mask):
    """A mask over the catalogue as ids of real items, row by row."""
    return Ragged.from_rows(
        [[i for i in np.flatnonzero(row) if i >= 2] for row in mask]
    )


class TestRankOfPositive:
    def test_counts_what_scores_higher(self):
        scores = np.array([[9.0, 9.0, 0.5, 0.9, 0.1, 0.7]])
        for positive, rank in [(3, 1), (5, 2), (2, 3), (4, 4)]:
            got = ranking.rank_of_positive(scores, [positive])
            assert got.tolist() == [rank]

    def test_equal_scores_give_the_last_rank(self):
        got = ranking.rank_of_positive(np.ones([3, 7]), [2, 4, 6])
        assert got.tolist() == [5, 5, 5]
        assert got.dtype == np.int32

    def test_excluded_items_do_not_compete(self):
        scores = np.array([[0.0, 0.0, 5.0, 4.0, 3.0, 2.0]])
        excluded = _rows([[False, False, True, False, True, True]])
        got = ranking.rank_of_positive(scores, [5], excluded=excluded)
        assert got.tolist() == [2]

    def test_instances_share_rows(self):
        scores = np.array([[0, 0, 5, 4, 3, 2], [0, 0, 1, 2, 3, 4]])
        got = ranking.rank_of_positive(
            scores,
            [4, 2, 5],
            row=np.array([1, 1, 0]),
            excluded=Ragged.from_rows([[2, 3], [5]]),
        )
        assert got.tolist() == [1, 3, 2]

    @pytest.mark.parametrize("place", [2, 3])
    def test_nan_never_helps(self, place):
        scores = np.zeros([1, 6], np.float32)
        scores[0, 2] = 1.0
        scores[0, place] = np.nan
        got = ranking.rank_of_positive(scores, [2])
        assert got[0] == (4 if place == 2 else 2)

    def test_no_instances(self):
        got = ranking.rank_of_positive(
            np.zeros([0, 5]),
            np.zeros(0, np.int32),
            excluded=Ragged.from_rows([]),
        )
        assert got.shape == (0,)

    @hypothesis.settings(max_examples=80)
    @hypothesis.given(_tables())
    def test_equals_sorting(self, table):
        expected = [_rank_by_sorting(*row) for row in zip(*table, strict=True)]
        scores, positive, mask = table
        got = ranking.rank_of_positive(scores, positive, excluded=_rows(mask))
        assert got.tolist() == expected


class TestRankAmong:
    def test_ties_and_nan_count_against_the_positive(self):
        got = ranking.rank_among(
            [0.5, 0.5, np.nan], [[0.4, 0.3], [0.5, np.nan], [0.0, 0.0]]
        )
        assert got.numpy().tolist() == [1, 3, 3]

    def test_agrees_with_ranking_all_when_all_are_candidates(self):
        scores = np.round(np.random.default_rng(3).normal(size=[5, 12]), 1)
        positive = np.array([2, 3, 7, 11, 5])
        others = [
            [scores[row, i] for i in range(2, 12) if i != positive[row]]
            for row in range(5)
        ]
        np.testing.assert_array_equal(
            ranking.rank_among(scores[np.arange(5), positive], others),
            ranking.rank_of_positive(scores, positive),
        )
