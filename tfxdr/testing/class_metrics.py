"""What every metric of classes promises."""

from __future__ import annotations

import numpy as np

from tfxdr.evaluation import classification_metrics
from tfxdr.registry import Spec, class_metrics
from tfxdr.registry.metric_names import falls
from tfxdr.testing.contract import Contract, expect

CLASS_METRIC = Contract(class_metrics)

_NUM_CLASSES = (2, 3, 7)


def _value(spec: Spec, labels: np.ndarray, predictions: np.ndarray) -> float:
    classes = int(labels.max()) + 1
    return classification_metrics(labels, predictions, classes, [spec])[
        str(spec)
    ]


def _labels(num_classes: int) -> np.ndarray:
    """Every class occurs, and not as often as the others."""
    return np.repeat(np.arange(num_classes), 5 + np.arange(num_classes))


@CLASS_METRIC.promise
def it_has_one_finite_value(spec: Spec) -> None:
    """Of two classes or more, it gives one finite number."""
    for num_classes in _NUM_CLASSES:
        labels = _labels(num_classes)
        random = np.random.default_rng(num_classes)
        found = _value(spec, labels, random.permutation(labels))
        expect(np.isfinite(found), f"{num_classes} classes: {found}")


@CLASS_METRIC.promise
def more_right_is_better(spec: Spec) -> None:
    """It gets better with the number of users whose class is predicted."""
    less = falls(str(spec))
    for num_classes in _NUM_CLASSES:
        labels = _labels(num_classes)
        wrong = (labels + 1) % num_classes
        half = np.where(np.arange(len(labels)) % 2, labels, wrong)
        found = [_value(spec, labels, p) for p in (wrong, half, labels)]
        expect(
            sorted(set(found), reverse=less) == found,
            f"{num_classes} classes, none, half and all right: {found}; by "
            f"`lower_is_better`, or else by its name, "
            f"{'less' if less else 'more'} is better",
        )


@CLASS_METRIC.promise
def the_order_of_users_does_not_matter(spec: Spec) -> None:
    """The same users in another order give the same value."""
    for num_classes in _NUM_CLASSES:
        labels = _labels(num_classes)
        random = np.random.default_rng(num_classes)
        predictions = random.permutation(labels)
        order = random.permutation(len(labels))
        one = _value(spec, labels, predictions)
        other = _value(spec, labels[order], predictions[order])
        expect(np.isclose(one, other), f"{one} and {other}")
