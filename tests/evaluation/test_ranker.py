"""Ranker: against one user at a time, and what it hands to the scorer."""

from __future__ import annotations

import types

import numpy as np
import pytest
import tensorflow as tf

from tfxdr import errors
from tfxdr.evaluation import ranker as ranker_lib
from tfxdr.evaluation.batching import padded_batches
from tfxdr.evaluation.ranker import Ranker
from tfxdr.evaluation.ranking import Ranking
from tfxdr.ops.ragged import Ragged

NUM_ITEMS = 40


def _score_user(history):
    """Few distinct scores from the real items, whatever the padding."""
    total = int(
        sum(
            int(item) * (place + 1)
            for place, item in enumerate(item for item in history if item != 0)
        )
    )
    return np.random.default_rng(total).integers(0, 9, NUM_ITEMS) / 8


def _scorer(history):
    return np.stack([_score_user(row) for row in history]).astype(np.float32)


@pytest.fixture
def users():
    """50 users with histories of 0 to 9 items and targets in 3 splits."""
    rng = np.random.default_rng(5)
    history = [
        rng.integers(2, 90, size).tolist() for size in rng.integers(0, 10, 50)
    ]
    splits = []
    for _ in range(50):
        items = rng.permutation(np.arange(2, NUM_ITEMS))[:12].tolist()
        first, second = sorted(rng.integers(0, 12, 2))
        splits.append((items[:first], items[first:second], items[second:]))
    train, validation, test = (list(part) for part in zip(*splits, strict=True))
    known = [[*a, *b, *c] for a, b, c in splits]
    return types.SimpleNamespace(
        history=history,
        test=test,
        seen=[a + b for a, b in zip(train, validation, strict=True)],
        known=known,
    )


def _ranker(users, **options):
    return Ranker(
        Ragged.from_rows(users.history),
        Ragged.from_rows(users.test),
        Ragged.from_rows(users.seen),
        Ragged.from_rows(users.known),
        NUM_ITEMS,
        **options,
    )


def _expected(users):
    rows = []
    for row, history in enumerate(users.history):
        scores = _score_user(history)
        for item in users.test[row]:
            rivals = set(range(2, NUM_ITEMS)) - set(users.seen[row]) - {item}
            rank = 1 + sum(scores[other] >= scores[item] for other in rivals)
            rows.append((row, item, rank))
    return rows


def _rows(ranking):
    return list(
        zip(
            ranking.user.tolist(),
            ranking.item.tolist(),
            ranking.rank.tolist(),
            strict=True,
        )
    )


@pytest.mark.parametrize("batch_size", [1, 7, 256])
@pytest.mark.parametrize("chunk_rows", [1, 5, 10_000])
def test_full_ranking(users, batch_size, chunk_rows, monkeypatch):
    monkeypatch.setattr(ranker_lib, "CHUNK_BYTES", 4 * NUM_ITEMS * chunk_rows)
    ranking = _ranker(users, batch_size=batch_size).rank(_scorer)
    assert _rows(ranking) == _expected(users)
    assert {a.dtype for a in (ranking.user, ranking.item, ranking.rank)} == {
        np.dtype(np.int32)
    }


def test_the_scorer_may_return_tensors_of_any_float(users):
    for dtype in (tf.float32, tf.float64, tf.float16):
        ranking = _ranker(users).rank(
            lambda history, dtype=dtype: tf.constant(_scorer(history), dtype)
        )
        assert _rows(ranking) == _expected(users)


@pytest.mark.parametrize("batch_size", [3, 256])
def test_sampled_ranking(users, batch_size):
    ranker = _ranker(users, num_negatives=10, seed=3, batch_size=batch_size)
    ranking = ranker.rank(_scorer)
    negatives = dict(zip(ranker._users, ranker._negatives, strict=True))
    expected = []
    for row, item, _ in _expected(users):
        scores = _score_user(users.history[row])
        assert not set(negatives[row]) & set(users.known[row])
        beaten_by = (scores[negatives[row]] >= scores[item]).sum()
        expected.append((row, item, 1 + beaten_by))
    assert _rows(ranking) == expected


def test_sampled_ranks_repeat_and_change_with_the_seed(users):
    first, again, other = (
        _ranker(users, num_negatives=10, seed=seed).rank(_scorer).rank
        for seed in (3, 3, 4)
    )
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


def test_scores_each_user_with_an_instance_once(users):
    users.test[4] = users.test[9] = []
    seen = []

    def scorer(history):
        assert history.dtype == np.int32
        seen.extend(tuple(row[row != 0]) for row in history)
        longest = max(1, (history != 0).sum(axis=1).max())
        assert history.shape[1] == longest  # no more padding than needed
        for row in history:
            assert (np.diff((row != 0).astype(int)) >= 0).all()  # on the left
        return _scorer(history)

    ranker = _ranker(users, batch_size=8)
    ranker.rank(scorer)
    expected = [
        tuple(history)
        for row, history in enumerate(users.history)
        if users.test[row]
    ]
    assert sorted(seen) == sorted(expected)
    assert ranker.num_users == len(expected)
    assert ranker.num_instances == sum(map(len, users.test))


def test_progress_counts_users(users):
    told = []
    ranker = _ranker(users, batch_size=20)
    ranker.rank(
        _scorer, progress=lambda done, total: told.append((done, total))
    )
    total = ranker.num_users
    assert told == [(20, total), (40, total), (total, total)]


def test_an_empty_history_is_one_padding_long():
    ((places, padded),) = padded_batches(
        Ragged.from_rows([[], [9], []]), np.array([0, 2]), 8
    )
    assert places.tolist() == [0, 1]
    assert padded.tolist() == [[0], [0]]
    rows = Ragged.from_rows([[7], [], [5, 6]], np.int64)
    ((places, padded),) = padded_batches(rows, np.arange(3), 8)
    assert places.tolist() == [2, 0, 1]
    assert padded.tolist() == [[5, 6], [0, 7], [0, 0]]
    assert padded.dtype == np.int32


def test_a_split_without_instances_ranks_nothing(users):
    users.test = [[] for _ in users.test]
    assert len(_ranker(users, num_negatives=5).rank(_scorer)) == 0


def test_nan_stops_with_user_and_item(users):
    def scorer(history):
        scores = _scorer(history)
        scores[:, :2] = np.nan  # padding and unknown: nobody cares
        scores[[row[-1] == bad for row in history], 17] = np.nan
        return scores

    bad = 1000
    _ranker(users).rank(scorer)
    row = next(
        row
        for row, items in enumerate(users.history)
        if items and users.test[row]
    )
    users.history[row][-1] = bad
    with pytest.raises(
        errors.TrainingError, match=f"target item 17 for user row {row} is NaN"
    ):
        _ranker(users).rank(scorer)


def test_refuses_scores_of_another_shape(users):
    with pytest.raises(ValueError, match=r"\[users, num_items\] = \[50, 40\]"):
        _ranker(users).rank(lambda history: np.zeros([len(history), 39]))


def test_refuses_contradictory_arguments(users):
    with pytest.raises(ValueError, match="one row per user"):
        Ranker(*(Ragged.from_rows([[]] * n) for n in (2, 2, 3, 2)), NUM_ITEMS)
    with pytest.raises(ValueError, match="num_negatives should be at least 0"):
        _ranker(users, num_negatives=-1)
    users.test[0] = [1]
    with pytest.raises(ValueError, match="targets should hold item ids from 2"):
        _ranker(users)


def test_too_few_negatives_fails_before_scoring(users):
    with pytest.raises(errors.InputError, match="--eval_negatives"):
        _ranker(users, num_negatives=30)


class TestRanking:
    def test_round_trip(self, tmp_path, users):
        ranking = _ranker(users).rank(_scorer)
        path = tmp_path / "ranks"  # no suffix is added
        ranking.save(path)
        ranking.save(path)
        assert [file.name for file in tmp_path.iterdir()] == ["ranks"]
        assert _rows(Ranking.load(path)) == _rows(ranking)

    def test_missing_file(self, tmp_path):
        with pytest.raises(errors.InputError, match="no file of ranks at"):
            Ranking.load(tmp_path / "ranks.npz")

    @pytest.mark.parametrize("kept", range(0, 100, 10))
    def test_truncated_file(self, tmp_path, kept):
        path = tmp_path / "ranks.npz"
        column = np.arange(1, 200, dtype=np.int32)
        Ranking(column, column, column).save(path)
        whole = path.read_bytes()
        path.write_bytes(whole[: len(whole) * kept // 100])
        with pytest.raises(errors.InputError, match="is no file of ranks"):
            Ranking.load(path)

    def test_foreign_files(self, tmp_path):
        path = tmp_path / "ranks.npz"
        column = np.arange(3)
        for arrays, message in [
            ({"user": column, "item": column}, "is no file of ranks"),
            (
                {"user": column, "item": column, "rank": np.array([{}])},
                "is no file of ranks",
            ),
            ({"user": column, "item": column, "rank": column[1:]}, "equally"),
        ]:
            np.savez(path, **arrays)
            with pytest.raises(errors.InputError, match=message):
                Ranking.load(path)
        np.save(path.with_suffix(".npy"), column)
        with pytest.raises(errors.InputError, match="is no file of ranks"):
            Ranking.load(path.with_suffix(".npy"))
