"""Accuracy, macro F1 and Classifier, against a reference per user."""

from __future__ import annotations

import types

import hypothesis
import numpy as np
import pytest
import tensorflow as tf
from hypothesis import strategies

from tfxdr import errors
from tfxdr.evaluation import batching
from tfxdr.evaluation.classification import (
    Classifier,
    Predictions,
    accuracy,
    classification_metrics,
    macro_f1,
)
from tfxdr.ops.ragged import Ragged

NUM_CLASSES = 5
NUM_ITEMS = 2 + NUM_CLASSES

# Class 0: 2 right, 1 missed, 1 too many; class 1: 1 right, 2 missed, 1 too
# many; class 2: only predicted; class 3: nowhere; class 4: only true.
LABELS = np.array([0, 0, 0, 1, 1, 1, 4])
PREDICTED = np.array([0, 0, 1, 1, 0, 2, 2])
F1 = (2 * 2 / (2 * 2 + 1 + 1), 2 * 1 / (2 * 1 + 1 + 2), 0.0, 0.0)


class TestMetrics:
    def test_hand_worked(self):
        assert accuracy(LABELS, PREDICTED) == 3 / 7
        assert macro_f1(LABELS, PREDICTED, 5) == pytest.approx(sum(F1) / 4)
        assert classification_metrics(LABELS, PREDICTED, 5) == {
            "accuracy": 3 / 7,
            "macro_f1": pytest.approx((2 / 3 + 2 / 5) / 4),
        }

    def test_one_class_for_everybody(self):
        labels = np.array([0] * 9 + [1])
        constant = np.zeros(10, int)
        assert accuracy(labels, constant) == 0.9
        assert macro_f1(labels, constant, 2) == pytest.approx(9 / 19)

    def test_a_class_that_is_nowhere_counts_nothing(self):
        assert macro_f1(np.array([0, 3]), np.array([0, 3]), 90) == 1.0

    @hypothesis.settings(max_examples=100)
    @hypothesis.given(
        strategies.lists(
            strategies.tuples(
                strategies.integers(0, 4), strategies.integers(0, 4)
            ),
            min_size=1,
        )
    )
    def test_against_precision_and_recall(self, pairs):
        scores = []
        for one in {value for pair in pairs for value in pair}:
            right = sum(pair == (one, one) for pair in pairs)
            found = sum(guess == one for _, guess in pairs)
            true = sum(label == one for label, _ in pairs)
            precision = right / found if found else 0
            recall = right / true if true else 0
            both = precision + recall
            scores.append(2 * precision * recall / both if both else 0)
        labels, guesses = np.array(pairs).T
        expected = sum(scores) / len(scores)
        assert macro_f1(labels, guesses, 5) == pytest.approx(expected)

    @pytest.mark.parametrize("seed", range(5))
    def test_against_scikit_learn(self, seed):
        metrics = pytest.importorskip("sklearn.metrics")
        rng = np.random.default_rng(seed)
        labels, guesses = rng.integers(0, 7, [2, 12 + 40 * seed])
        found = classification_metrics(labels, guesses, 9)
        assert found == {
            "accuracy": pytest.approx(metrics.accuracy_score(labels, guesses)),
            "macro_f1": pytest.approx(
                metrics.f1_score(labels, guesses, average="macro")
            ),
        }

    def test_does_not_depend_on_the_order_or_the_names(self):
        order = np.array([3, 1, 6, 0, 2, 5, 4])
        rename = np.array([4, 2, 0, 1, 3])
        found = classification_metrics(
            rename[LABELS[order]], rename[PREDICTED[order]], 5
        )
        assert found == pytest.approx(
            classification_metrics(LABELS, PREDICTED, 5)
        )

    def test_nobody(self):
        nobody = np.zeros(0, np.int32)
        for metric in (accuracy, lambda *both: macro_f1(*both, 2)):
            with pytest.raises(errors.InputError, match="--split_fractions"):
                metric(nobody, nobody)

    def test_refuses_what_does_not_fit(self):
        with pytest.raises(ValueError, match=r"equally long.*\(7,\) and \(6,"):
            accuracy(LABELS, PREDICTED[1:])
        with pytest.raises(ValueError, match="equally long"):
            accuracy(LABELS[:, np.newaxis], PREDICTED[:, np.newaxis])
        with pytest.raises(ValueError, match="labels should be from 0 to 3"):
            macro_f1(LABELS, PREDICTED, 4)
        with pytest.raises(ValueError, match="predictions .* Received: -1"):
            macro_f1(LABELS, PREDICTED - 1, 5)


def _score_user(history):
    """Few distinct scores, so ties; the reserved ids have the highest."""
    items = [int(item) for item in history if item != 0]
    total = sum(item * (place + 1) for place, item in enumerate(items))
    scores = np.random.default_rng(total).integers(0, 3, NUM_ITEMS) / 2
    scores[:2] = 9
    return scores


def _scorer(history):
    return np.stack([_score_user(row) for row in history]).astype(np.float32)


@pytest.fixture
def users():
    """60 users with histories of 0 to 9 items; two thirds have a class."""
    rng = np.random.default_rng(5)
    return types.SimpleNamespace(
        history=[
            rng.integers(2, 90, size).tolist()
            for size in rng.integers(0, 10, 60)
        ],
        targets=[
            rng.integers(2, NUM_ITEMS, int(row % 3 > 0)).tolist()
            for row in range(60)
        ],
    )


def _classifier(users, **options):
    return Classifier(
        Ragged.from_rows(users.history),
        Ragged.from_rows(users.targets),
        NUM_ITEMS,
        **options,
    )


def _expected(users):
    rows = []
    for row, target in enumerate(users.targets):
        if target:
            scores = _score_user(users.history[row])
            best = max(range(2, NUM_ITEMS), key=lambda id: (scores[id], -id))
            rows.append((row, target[0] - 2, best - 2))
    return rows


def _rows(predictions):
    columns = (predictions.user, predictions.label, predictions.prediction)
    assert {column.dtype for column in columns} == {np.dtype(np.int32)}
    return list(zip(*(column.tolist() for column in columns), strict=True))


class TestClassifier:
    @pytest.mark.parametrize("batch_size", [1, 7, 256])
    def test_one_user_at_a_time(self, users, batch_size):
        classifier = _classifier(users, batch_size=batch_size)
        predictions = classifier.predict(_scorer)
        assert _rows(predictions) == _expected(users)
        assert len(predictions) == classifier.num_users == 40

    def test_the_scorer_may_return_tensors_of_any_float(self, users):
        for dtype in (tf.float32, tf.float64, tf.float16):
            predictions = _classifier(users).predict(
                lambda history, dtype=dtype: tf.constant(
                    _scorer(history), dtype
                )
            )
            assert _rows(predictions) == _expected(users)

    def test_of_equal_scores_the_more_frequent_class(self, users):
        for value in (0.0, -np.inf):
            scores = np.full([60, NUM_ITEMS], value, np.float32)
            predictions = _classifier(users).predict(
                lambda history, scores=scores: scores[: len(history)]
            )
            assert set(predictions.prediction.tolist()) == {0}

    def test_scores_each_user_with_a_class_once(self, users):
        seen = []

        def scorer(history):
            seen.extend(tuple(row[row != 0].tolist()) for row in history)
            assert len(history) <= 8
            longest = max(1, (history != 0).sum(axis=1).max())
            assert history.shape[1] == longest
            return _scorer(history)

        _classifier(users, batch_size=8).predict(scorer)
        assert sorted(seen) == sorted(
            tuple(history)
            for history, target in zip(
                users.history, users.targets, strict=True
            )
            if target
        )
        assert [len(history) for history in seen] == sorted(
            map(len, seen), reverse=True
        )

    def test_progress_counts_users(self, users):
        told = []
        _classifier(users, batch_size=16).predict(
            _scorer, progress=lambda *numbers: told.append(numbers)
        )
        assert told == [(16, 40), (32, 40), (40, 40)]

    def test_nobody_to_classify(self, users):
        users.targets = [[] for _ in users.targets]
        assert len(_classifier(users).predict(_scorer)) == 0

    def test_nan_stops_with_class_and_user(self, users):
        def scorer(history):
            scores = _scorer(history)
            scores[:, :2] = np.nan  # padding and unknown: nobody cares
            scores[[row[-1] == bad for row in history], 4] = np.nan
            return scores

        bad = 1000
        assert _rows(_classifier(users).predict(scorer)) == _expected(users)
        row = next(
            row
            for row, items in enumerate(users.history)
            if items and users.targets[row]
        )
        users.history[row][-1] = bad
        with pytest.raises(
            errors.TrainingError, match=f"item 4 for user row {row} is NaN"
        ):
            _classifier(users).predict(scorer)

    def test_refuses_scores_of_another_shape(self, users):
        with pytest.raises(ValueError, match=r"num_items\] = \[40, 7\]"):
            _classifier(users).predict(lambda rows: np.zeros([len(rows), 5]))

    def test_refuses_contradictory_arguments(self, users):
        with pytest.raises(ValueError, match="batch_size should be at least 1"):
            _classifier(users, batch_size=0)
        users.targets[3] = [2, 3]
        with pytest.raises(ValueError, match="Received: 2 for user row 3"):
            _classifier(users)
        users.targets[3] = [NUM_ITEMS]
        with pytest.raises(ValueError, match="targets should hold item ids"):
            _classifier(users)
        users.targets.pop()
        users.targets[3] = [2]
        with pytest.raises(ValueError, match="one row per user"):
            _classifier(users)


def test_rows_in_bounds():
    assert batching.rows_in_bounds(1 << 20) == 16
    assert batching.rows_in_bounds(10, num_bytes=399) == 9
    assert batching.rows_in_bounds(10, num_bytes=1) == 1


class TestPredictions:
    def test_saved_columns(self, tmp_path, users):
        predictions = _classifier(users).predict(_scorer)
        path = tmp_path / "predictions"  # no suffix is added
        predictions.save(path)
        predictions.save(path)
        assert [file.name for file in tmp_path.iterdir()] == ["predictions"]
        with np.load(path, allow_pickle=False) as file:
            assert sorted(file) == ["label", "prediction", "user"]
            assert _rows(Predictions(**file)) == _rows(predictions)
