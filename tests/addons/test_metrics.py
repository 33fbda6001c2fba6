"""Metrics of classes against their formulas."""

from __future__ import annotations

import numpy as np
import pytest

from tfxdr.evaluation import classification_metrics
from tfxdr.registry import class_metrics

pytest.importorskip("tensorflow_addons", reason="only the addons stack has it")


def drawn(num_classes):
    random = np.random.default_rng(num_classes)
    labels = random.integers(0, num_classes, 200)
    wrong = random.integers(0, num_classes, 200)
    return labels, np.where(random.random(200) < 0.6, labels, wrong)


def table(labels, predictions, num_classes):
    counts = np.zeros((num_classes, num_classes))
    np.add.at(counts, (labels, predictions), 1)
    return counts


def value(text, labels, predictions, num_classes):
    spec = class_metrics.parse(text)
    found = classification_metrics(labels, predictions, num_classes, [spec])
    assert list(found) == ["accuracy", "macro_f1", str(spec)]
    return found[str(spec)]


@pytest.mark.parametrize("num_classes", [2, 3, 6])
class TestAgainstFormulas:
    @pytest.mark.parametrize(
        ("weightage", "power"), [("equal", 0), ("linear", 1), ("quadratic", 2)]
    )
    def test_cohen_kappa(self, num_classes, weightage, power):
        labels, predictions = drawn(num_classes)
        counts = table(labels, predictions, num_classes)
        chance = np.outer(counts.sum(1), counts.sum(0)) / counts.sum()
        place = np.arange(num_classes)
        distance = np.abs(place[:, None] - place[None, :])
        cost = np.where(distance, distance.astype(float) ** power, 0)
        expected = 1 - (cost * counts).sum() / (cost * chance).sum()
        text = f"cohen-kappa(weightage={weightage})"
        found = value(text, labels, predictions, num_classes)
        assert found == pytest.approx(expected, abs=1e-5)

    def test_matthews(self, num_classes):
        labels, predictions = drawn(num_classes)
        truth, guess = (
            np.eye(num_classes)[x] - np.eye(num_classes)[x].mean(0)
            for x in (labels, predictions)
        )
        expected = (truth * guess).sum() / np.sqrt(
            (truth**2).sum() * (guess**2).sum()
        )
        found = value("matthews", labels, predictions, num_classes)
        assert found == pytest.approx(expected, abs=1e-5)

    @pytest.mark.parametrize("average", ["macro", "micro", "weighted"])
    def test_f1(self, num_classes, average):
        labels, predictions = drawn(num_classes)
        counts = table(labels, predictions, num_classes)
        users = counts.sum(1)
        f1 = 2 * counts.diagonal() / (users + counts.sum(0))
        expected = {
            "macro": f1.mean(),
            "micro": counts.diagonal().sum() / counts.sum(),
            "weighted": (f1 * users).sum() / users.sum(),
        }[average]
        found = value(
            f"f1(average={average})", labels, predictions, num_classes
        )
        assert found == pytest.approx(expected, abs=1e-5)


def test_a_class_that_never_occurs_counts_as_0():
    labels, predictions = np.array([0, 1, 1]), np.array([0, 1, 1])
    found = value("f1", labels, predictions, 3)
    assert found == pytest.approx(2 / 3)
    own = classification_metrics(labels, predictions, 3)["macro_f1"]
    assert own == 1.0
