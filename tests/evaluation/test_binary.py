"""AUC and log loss: by hand, against pairs, and what is refused."""

from __future__ import annotations

import math

import hypothesis
import numpy as np
import pytest
from hypothesis import strategies

from tfxdr import errors
from tfxdr.evaluation.binary import (
    Probabilities,
    auc,
    binary_metrics,
    log_loss,
)

LABEL = np.array([1, 0, 1, 0, 0])
LOGIT = np.array([2.0, 1.0, 0.5, 0.5, -3.0], np.float32)
# Of six pairs, 2.0 wins three; 0.5 wins one, ties one and loses one.
AUC = (3 + 1.5) / 6


def _pairs(label, score):
    """The definition, pair by pair."""
    above = np.sign(score[label == 1][:, np.newaxis] - score[label == 0])
    return float((above + 1).mean() / 2)


class TestAuc:
    def test_by_hand(self):
        assert auc(LABEL, LOGIT) == pytest.approx(AUC)
        assert auc(LABEL.astype(bool), LOGIT) == pytest.approx(AUC)
        assert auc(LABEL.astype(np.float32), LOGIT) == pytest.approx(AUC)

    @pytest.mark.parametrize(
        ("score", "expected"), [([2, 1], 1.0), ([1, 2], 0.0), ([1, 1], 0.5)]
    )
    def test_two_examples(self, score, expected):
        assert auc(np.array([1, 0]), np.array(score)) == expected

    @hypothesis.settings(max_examples=100)
    @hypothesis.given(
        strategies.lists(
            strategies.tuples(strategies.booleans(), strategies.integers(0, 5))
        )
    )
    def test_against_all_pairs(self, examples):
        examples += [(True, 2), (False, 2)]
        label, score = np.array(examples).T
        assert auc(label, score) == pytest.approx(_pairs(label, score))
        # Whatever rises with the score gives the same, its negative the rest.
        assert auc(label, np.exp(score)) == auc(label, score)
        assert auc(label, -score) == pytest.approx(1 - auc(label, score))

    def test_against_scikit_learn(self):
        metrics = pytest.importorskip("sklearn.metrics")
        draws = np.random.default_rng(0)
        label = draws.integers(0, 2, 500)
        logit = draws.normal(size=500).round(1) + label
        probability = 1 / (1 + np.exp(-logit))
        assert binary_metrics(label, logit) == {
            "auc": pytest.approx(metrics.roc_auc_score(label, logit)),
            "log_loss": pytest.approx(metrics.log_loss(label, probability)),
        }

    def test_many_examples_do_not_overflow(self):
        label = np.arange(200_000) % 2
        assert auc(label, label * 1.0) == 1.0
        assert auc(label, np.zeros(200_000)) == 0.5


class TestLogLoss:
    def test_by_hand(self):
        chance = 1 / (1 + np.exp(-LOGIT.astype(np.float64)))
        expected = -np.log(np.where(LABEL == 1, chance, 1 - chance)).mean()
        assert log_loss(LABEL, LOGIT) == pytest.approx(expected, rel=1e-12)

    def test_of_extreme_logits(self):
        label = np.array([1, 0])
        assert log_loss(label, np.array([-1e4, 0.0])) == pytest.approx(
            (1e4 + math.log(2)) / 2
        )
        tiny = log_loss(label, np.float32([50.0, -50.0]))
        assert tiny == pytest.approx(math.exp(-50.0), rel=1e-9)

    def test_of_a_constant_is_the_entropy_of_the_labels(self):
        share = 0.4
        logit = np.full(5, math.log(share / (1 - share)))
        entropy = -(share * math.log(share) + 0.6 * math.log(0.6))
        assert log_loss(LABEL, logit) == pytest.approx(entropy)


class TestBinaryMetrics:
    def test_probabilities_and_logits_agree(self):
        probability = 1 / (1 + np.exp(-LOGIT.astype(np.float64)))
        found = binary_metrics(LABEL, probability, from_logits=False)
        assert found == pytest.approx(binary_metrics(LABEL, LOGIT))
        assert found["auc"] == pytest.approx(AUC)

    @pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int64])
    def test_a_certain_mistake_is_finite(self, dtype):
        certain = np.array([0, 0], dtype)
        found = binary_metrics(np.array([1, 0]), certain, from_logits=False)
        margin = np.finfo(np.float64 if dtype is np.int64 else dtype).eps
        assert found["log_loss"] == pytest.approx(-math.log(margin) / 2)
        assert found["auc"] == 0.5

    @pytest.mark.parametrize(
        ("label", "found"), [([1, 1], "1 alone"), ([0.0], "0 alone"), ([], "n")]
    )
    def test_refuses_one_class(self, label, found):
        with pytest.raises(
            errors.InputError,
            match=f"the test split .*found {found}.*--split_fractions",
        ):
            binary_metrics(np.array(label), np.zeros(len(label)), split="test")

    def test_refuses_a_diverged_model(self):
        wrong = np.array([0, 0, np.nan, 1, 1])
        for from_logits in (True, False):
            with pytest.raises(
                errors.TrainingError, match="example 2 of the test split is NaN"
            ):
                binary_metrics(
                    LABEL, wrong, from_logits=from_logits, split="test"
                )

    @pytest.mark.parametrize(
        ("label", "score", "message"),
        [
            ([1, 0], [1.0], r"equally long. Received: \(2,\) and \(1,\)"),
            ([[1, 0]], [[1.0, 0]], "equally long"),
            ([1, 2], [1.0, 0.5], "labels should be 0 or 1. Received: 2"),
            ([1, 0], [1.25, 0.5], "between 0 and 1. Received: 1.25"),
        ],
    )
    def test_refuses_what_does_not_fit(self, label, score, message):
        with pytest.raises(ValueError, match=message):
            binary_metrics(np.array(label), np.array(score), from_logits=False)


class TestProbabilities:
    FOUND = Probabilities(
        np.arange(5), np.arange(5) + 2, LABEL, LOGIT.astype(np.float64)
    )

    def test_probability(self):
        found = Probabilities(
            *np.zeros([3, 3], int), np.float32([0.0, -800.0, math.log(3)])
        )
        np.testing.assert_allclose(
            found.probability, [0.5, 0.0, 0.75], rtol=1e-7, atol=0
        )

    def test_metrics(self):
        assert self.FOUND.metrics("test") == binary_metrics(LABEL, LOGIT)
        assert len(self.FOUND) == 5

    def test_file_round_trip(self, tmp_path):
        path = tmp_path / "probabilities.npz"
        self.FOUND.save(path)
        assert [file.name for file in tmp_path.iterdir()] == [path.name]
        back = Probabilities.load(path)
        for name, value in vars(self.FOUND).items():
            np.testing.assert_array_equal(getattr(back, name), value)
        assert [value.dtype.name for value in vars(back).values()] == [
            *["int32"] * 3,
            "float32",
        ]

    def test_refuses_another_file(self, tmp_path):
        with pytest.raises(errors.InputError, match="file of probabilities at"):
            Probabilities.load(tmp_path / "probabilities.npz")
        np.savez(tmp_path / "ranks.npz", user=[1], rank=[2])
        with pytest.raises(errors.InputError, match="user, item, label, logit"):
            Probabilities.load(tmp_path / "ranks.npz")
