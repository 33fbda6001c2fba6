"""Sampled negatives: distinct, uniform, reproducible, never a positive."""

from __future__ import annotations

import numpy as np
import pytest

from tfxdr import errors
from tfxdr.evaluation import negatives as negatives_lib
from tfxdr.ops.ragged import Ragged


def _sample(positives, rows=None, *, num_items, num_negatives, seed=0):
    if rows is None:
        rows = np.arange(len(positives))
    return negatives_lib.sample_negatives(
        Ragged.from_rows(positives),
        np.asarray(rows),
        num_items=num_items,
        num_negatives=num_negatives,
        seed=seed,
    )


def test_distinct_real_and_no_positives():
    rng = np.random.default_rng(0)
    positives = [
        rng.integers(2, 50, size).tolist() for size in rng.integers(0, 30, 200)
    ]
    drawn = _sample(positives, num_items=60, num_negatives=20)
    assert drawn.shape == (200, 20)
    assert drawn.dtype == np.int32
    for row, known in zip(drawn, positives, strict=True):
        assert len(set(row)) == 20
        assert row.min() >= 2
        assert row.max() < 60
        assert not set(row) & set(known)


def test_takes_every_eligible_item_when_there_are_no_more():
    # Repeated positives count once; order and the table's ends are traps.
    drawn = _sample([[9, 2, 5, 5], []], [0], num_items=10, num_negatives=5)
    assert sorted(drawn[0]) == [3, 4, 6, 7, 8]


def test_uniform():
    """Chi-square of item counts over 20,000 users with the same positives."""
    users, negatives, eligible = 20_000, 5, 12
    drawn = _sample(
        [[4, 6, 7]] * users, num_items=eligible + 5, num_negatives=negatives
    )
    counts = np.bincount(drawn.ravel(), minlength=eligible + 5)
    assert counts[[0, 1, 4, 6, 7]].sum() == 0
    counts = np.delete(counts, [0, 1, 4, 6, 7])
    share = negatives / eligible
    # Negative correlation in a draw shrinks it by (1 - share).
    chi = ((counts - users * share) ** 2 / (users * share)).sum()
    chi *= (eligible - 1) / eligible / (1 - share)
    assert chi < 31.3  # 0.999 quantile of chi-square with 11 degrees


def test_pairs_are_uniform_too():
    users = 30_000
    drawn = np.sort(_sample([[]] * users, num_items=7, num_negatives=2))
    pairs, counts = np.unique(drawn, axis=0, return_counts=True)
    assert len(pairs) == 10
    expected = users / 10
    assert ((counts - expected) ** 2 / expected).sum() < 27.9  # 9 degrees


def test_depends_on_seed_and_row_alone(monkeypatch):
    positives = [[2, 3], [4], [], [5, 6, 7], [2]]
    everyone = _sample(positives, num_items=40, num_negatives=10, seed=7)
    some = _sample(positives, [3, 1], num_items=40, num_negatives=10, seed=7)
    np.testing.assert_array_equal(some, everyone[[3, 1]])
    monkeypatch.setattr(negatives_lib, "_BLOCK_BYTES", 80)
    np.testing.assert_array_equal(
        _sample(positives, num_items=40, num_negatives=10, seed=7), everyone
    )
    other = _sample(positives, num_items=40, num_negatives=10, seed=8)
    assert (other != everyone).mean() > 0.5
    assert not np.array_equal(everyone[0], everyone[2])


def test_stays_what_it_was():
    """Stored results are comparable only while this holds."""
    drawn = _sample([[5], [6]], num_items=1000, num_negatives=4, seed=42)
    assert drawn.tolist() == [[335, 835, 925, 620], [400, 890, 866, 560]]


def test_negative_and_large_seeds_are_seeds():
    for seed in (-1, 2**70):
        assert _sample([[]], num_items=9, num_negatives=3, seed=seed).any()


def test_too_few_items_names_user_and_remedy():
    with pytest.raises(
        errors.InputError,
        match=r"99 negatives for 1 users: user row 1 has only 6 .*"
        r"--eval_negatives",
    ):
        _sample([[2], list(range(2, 96))], num_items=102, num_negatives=99)


def test_no_users():
    drawn = _sample([[2], []], [], num_items=9, num_negatives=3)
    assert drawn.shape == (0, 3)
