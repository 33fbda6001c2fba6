"""The item-kNN baseline, by hand and against dense matrices."""

from __future__ import annotations

import numpy as np
import pytest

from tfxdr.errors import InputError
from tfxdr.ops.ragged import Ragged
from tfxdr.policies import item_knn
from tfxdr.registry import policies

# Source items 2, 3, 4 have 3, 1, 1 readers; 0 and 1 are no items. Target items
# 2, 3, 4, 5 have 2, 1, 1, 0 buyers.
HISTORY = Ragged.from_rows([[2, 3, 2], [0, 2, 1], [2], [4]])
TRAIN = Ragged.from_rows([[2, 3], [2], [], [4]])


def _fit(text="item-knn"):
    return policies.build(text).fit(HISTORY, TRAIN, 5, 6)


def test_similarity_by_hand():
    scores = _fit()(np.array([[0, 2], [2, 3]], np.int32))
    to_2 = [2 / np.sqrt(3 * 2), 1 / np.sqrt(3 * 1)]  # of targets 2 and 3
    to_3 = [1 / np.sqrt(1 * 2), 1 / np.sqrt(1 * 1)]
    np.testing.assert_allclose(scores[0, 2:4], to_2, rtol=1e-6)
    np.testing.assert_allclose(scores[1, 2:4], np.add(to_2, to_3), rtol=1e-6)
    assert scores.dtype == np.float32


def test_a_repeated_item_counts_once():
    scorer = _fit()
    np.testing.assert_array_equal(
        scorer(np.array([[0, 0, 3, 2]])), scorer(np.array([[2, 3, 2, 3]]))
    )


def test_the_rest_comes_last_by_popularity():
    scores = _fit()(np.array([[0, 3]], np.int32))[0]
    assert scores[4] == -1 / 2  # bought once, never beside source item 3
    assert scores[5] == -1  # never bought
    assert scores[2] > 0 > scores[4] > scores[5]


@pytest.mark.parametrize("history", [[0, 0], [0, 1]])
def test_without_a_known_item_popularity_decides(history):
    scores = _fit()(np.array([history], np.int32))[0]
    np.testing.assert_allclose(scores[2:], [-1 / 3, -1 / 2, -1 / 2, -1])


def test_shrinkage():
    scores = _fit("item-knn(shrinkage=2)")(np.array([[2]], np.int32))[0]
    np.testing.assert_allclose(
        scores[2:4],
        [2 / (np.sqrt(6) + 2), 1 / (np.sqrt(3) + 2)],
        rtol=1e-6,
    )


def test_neighbors_keeps_the_most_similar():
    scores = _fit("item-knn(neighbors=1)")(np.array([[2], [3]], np.int32))
    assert scores[0, 2] > 0 > scores[0, 3]  # .82 stays, .58 goes
    assert scores[1, 3] > 0 > scores[1, 2]  # 1 stays, .71 goes


@pytest.mark.parametrize("neighbors", [0, 4])
def test_equals_dense_matrices_in_any_blocks(neighbors, monkeypatch):
    rng = np.random.default_rng(0)
    history = [rng.integers(2, 30, n).tolist() for n in rng.integers(0, 9, 80)]
    train = [rng.integers(2, 25, n).tolist() for n in rng.integers(0, 6, 80)]
    read, bought = np.zeros([80, 30]), np.zeros([80, 25])
    for row in range(80):
        read[row, history[row]] = 1
        bought[row, train[row]] = 1
    norms = np.sqrt(np.outer(read.sum(0), bought.sum(0)))
    similarity = np.divide(
        read.T @ bought, norms, out=np.zeros([30, 25]), where=norms > 0
    )
    similarity = similarity.astype(np.float32)
    if neighbors:
        for row in similarity:
            row[np.argsort(-row, kind="stable")[neighbors:]] = 0
    expected = read @ similarity
    monkeypatch.setattr(item_knn, "_BLOCK_PRODUCTS", 50)
    scorer = policies.build(f"item-knn(neighbors={neighbors})").fit(
        Ragged.from_rows(history), Ragged.from_rows(train), 30, 25
    )
    padded = np.zeros([80, 9], np.int32)
    for row, items in enumerate(history):
        padded[row, 9 - len(items) :] = items
    scores = scorer(padded)
    np.testing.assert_allclose(
        scores[expected > 0], expected[expected > 0], 1e-5
    )
    assert (scores[expected == 0] < 0).all()


def test_refuses_negative_options():
    for option in ("neighbors=-1", "shrinkage=-0.5"):
        with pytest.raises(InputError, match="should be at least 0"):
            policies.build(f"item-knn({option})")
