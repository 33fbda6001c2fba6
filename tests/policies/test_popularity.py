"""The popularity baseline, by hand."""

from __future__ import annotations

import numpy as np

import tfxdr.policies.popularity  # noqa: F401  (registers itself)
from tfxdr.ops.ragged import Ragged
from tfxdr.registry import policies


def test_scores_are_training_counts_for_everyone():
    train = Ragged.from_rows([[2, 3], [], [3, 5, 3, 2]])
    scorer = policies.build("popularity").fit(None, train, 9, 7)
    scores = scorer(np.zeros([4, 3], np.int32))
    assert scores.dtype == np.float32
    np.testing.assert_array_equal(scores, [[0, 0, 2, 3, 0, 1, 0]] * 4)


def test_nobody_bought_anything():
    train = Ragged.from_rows([[]])
    scorer = policies.build("popularity").fit(None, train, 9, 4)
    np.testing.assert_array_equal(scorer(np.zeros([1, 1], np.int32)), [[0] * 4])
