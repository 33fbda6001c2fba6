"""Scores: by hand, and against the definition over all pairs."""

import numpy as np
import pytest

from tfxdr.evaluation import Probabilities, Ranking, auc
from tfxdr.evaluation.score import Score


def examples(label, logit, user=None):
    count = len(label)
    user = np.arange(count) if user is None else np.asarray(user)
    return Probabilities(
        user.astype(np.int32),
        np.full(count, 2, np.int32),
        np.asarray(label, np.int32),
        np.asarray(logit, np.float32),
    )


def drawn(seed=0, count=60):
    random = np.random.default_rng(seed)
    label = random.integers(0, 2, count)
    # Few values, so that there are ties.
    return label, np.round(random.normal(label, 1.0), 1)


def test_auc_by_hand():
    """Positives 2 and 0 against negatives 1 and 0: 2 and a tie of 4 pairs."""
    score = Score.of_auc(examples([1, 1, 0, 0], [2.0, 0.0, 1.0, 0.0]))
    assert (score.name, score.value) == ("AUC", 2.5 / 4)
    # Shares that are won: 1, 1/4 of positives; 1/2, 3/4 of negatives.
    expected = np.array([1 - 0.625, 0.25 - 0.625, 0.5 - 0.625, 0.75 - 0.625])
    np.testing.assert_allclose(score.influence, expected / 2)


def test_auc_is_that_of_all_pairs():
    label, logit = drawn()
    score = Score.of_auc(examples(label, logit))
    assert score.value == pytest.approx(auc(label, logit), abs=1e-12)
    assert score.influence.sum() == pytest.approx(0, abs=1e-12)


def test_the_error_is_the_bootstraps():
    """Resampled examples scatter as the influences say."""
    label, logit = drawn(count=400)
    score = Score.of_auc(examples(label, logit))
    random = np.random.default_rng(1)
    values = []
    for _ in range(400):
        rows = random.integers(0, len(label), len(label))
        values.append(auc(label[rows], logit[rows]))
    error = np.sqrt((score.influence**2).sum())
    assert error == pytest.approx(np.std(values), rel=0.15)


def test_what_both_share_is_no_difference():
    label, logit = drawn()
    one = Score.of_auc(examples(label, logit))
    same = Score.of_auc(examples(label, logit * 3 - 1))
    assert one.less(same) == (0.0, pytest.approx(0, abs=1e-9))


def test_a_users_examples_are_one_cluster():
    label, logit = drawn()
    user = np.repeat(np.arange(30), 2)
    nothing = np.zeros(60)
    gain, error = Score.of_auc(examples(label, logit, user)).less(
        Score.of_auc(examples(label, nothing, user))
    )
    influence = Score.of_auc(examples(label, logit)).influence
    pairs = influence.reshape(30, 2).sum(1)
    assert error == pytest.approx(np.sqrt((pairs**2).sum()))
    assert gain == pytest.approx(auc(label, logit) - 0.5)


def test_other_metrics_are_not_compared():
    ranks = np.array([1, 9], np.int32)
    found = Ranking(np.arange(2, dtype=np.int32), ranks, ranks)
    with pytest.raises(ValueError, match="of one metric"):
        Score.of_hits(found, 5).less(Score.of_hits(found, 10))
