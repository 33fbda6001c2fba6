"""How well a scorer predicts the class of users: accuracy and macro F1."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from tfxdr import errors
from tfxdr.evaluation import division
from tfxdr.evaluation.arrays import SavedArrays
from tfxdr.evaluation.batching import (
    Progress,
    check_ids,
    check_rows,
    rows_in_bounds,
    scored_batches,
)
from tfxdr.ops.ragged import Ragged
from tfxdr.registry import Spec
from tfxdr.registry.metric_names import CLASS_METRICS
from tfxdr.types import FIRST_ITEM, Scorer


def accuracy(labels: np.ndarray, predictions: np.ndarray) -> float:
    """The share of users whose class is predicted.

    Args:
      labels: `[users]` integers, the true classes.
      predictions: `[users]` integers.

    Raises:
      InputError: there is no user.
      ValueError: the arguments differ in shape.
    """
    labels, predictions = _checked(labels, predictions)
    return float(np.mean(labels == predictions))


def macro_f1(
    labels: np.ndarray, predictions: np.ndarray, num_classes: int
) -> float:
    """F1 of each class, averaged without weights.

    `2 TP / (2 TP + FP + FN)` per class, 0 where no user is right. As in
    scikit-learn, a class that occurs neither in `labels` nor in `predictions`
    has no F1 and is left out of the mean.

    Args:
      labels: `[users]` integers from 0, the true classes.
      predictions: `[users]` integers from 0.
      num_classes: above every label and prediction.

    Raises:
      InputError: there is no user.
      ValueError: the arguments differ in shape, or a class is out of range.
    """
    labels, predictions = _checked(labels, predictions)
    for name, found in (("labels", labels), ("predictions", predictions)):
        if found.min() < 0 or found.max() >= num_classes:
            raise ValueError(
                f"{name} should be from 0 to {num_classes - 1}. "
                f"Received: {found.min()} to {found.max()}"
            )
    right = np.bincount(labels[labels == predictions], minlength=num_classes)
    # A class's labels and predictions together are 2 TP + FP + FN.
    both = np.bincount(
        np.concatenate([labels, predictions]), minlength=num_classes
    )
    occurs = both > 0
    return float(np.mean(2 * right[occurs] / both[occurs]))


def classification_metrics(
    labels: np.ndarray,
    predictions: np.ndarray,
    num_classes: int,
    more: Sequence[Spec] = (),
) -> dict[str, float]:
    """`accuracy` and `macro_f1` under these keys, and others under theirs.

    Args:
      labels: `[users]` integers, the true classes.
      predictions: `[users]` integers.
      num_classes: above every label and prediction.
      more: of the registry `class_metrics`: Keras metrics of a one-hot truth
        and a one-hot prediction, both `[users, classes]`.

    Raises:
      InputError: there is no user.
      ValueError: the arguments contradict each other, or a metric has no
        single value.
    """
    own = (
        accuracy(labels, predictions),
        macro_f1(labels, predictions, num_classes),
    )
    found = dict(zip(CLASS_METRICS, own, strict=True))
    one_hot = np.eye(num_classes, dtype=np.float32)
    for spec in more:
        metric = spec.build(num_classes=num_classes)
        metric.update_state(one_hot[labels], one_hot[predictions])
        value = np.asarray(metric.result())
        if value.size != 1:
            raise ValueError(
                f"class metric {spec} should have one value. Received: {value}"
            )
        found[str(spec)] = float(value.item())
    return found


@dataclasses.dataclass(frozen=True)
class Predictions(SavedArrays):
    """Predicted classes, in user-row order.

    Classes count from 0, as the names that `profile_users` returns do: class
    `i` is target item `i + 2`.

    Attributes:
      user: `[n]` int32 rows of the users.
      label: `[n]` int32 true classes.
      prediction: `[n]` int32.
    """

    what = "predictions"
    types = dict.fromkeys(("user", "label", "prediction"), np.int32)

    user: np.ndarray
    label: np.ndarray
    prediction: np.ndarray

    def __len__(self) -> int:
        return len(self.prediction)


class Classifier:
    """Predicts the class of a split's users.

    A class is a target item here: a user's class is the real item with the
    highest score. Users without a known class are not scored. Batches and
    their limits are those of `Ranker`.

    Example:

    ```python
    classifier = Classifier(users.history, users.targets(TEST), 2 + 7)
    found = classifier.predict(lambda history: model(history, training=False))
    classification_metrics(found.label, found.prediction, num_classes=7)
    ```
    """

    def __init__(
        self,
        history: Ragged,
        targets: Ragged,
        num_items: int,
        *,
        batch_size: int = 256,
    ):
        """Stores who is classified.

        Args:
          history: source ids per user, oldest first.
          targets: target ids per user: their class, or none.
          num_items: the classes and the reserved ids 0 and 1.
          batch_size: users per call of the scorer, at most.

        Raises:
          ValueError: the arguments contradict each other.
        """
        check_rows(history=history, targets=targets)
        check_ids("targets", targets.values, num_items)
        counts = targets.lengths
        if counts.max(initial=0) > 1:
            raise ValueError(
                "targets should hold one class per user or none. Received: "
                f"{counts.max()} for user row {counts.argmax()}"
            )
        if batch_size < 1:
            raise ValueError(
                f"batch_size should be at least 1. Received: {batch_size}"
            )
        self.history = history
        self.targets = targets
        self.num_items = num_items
        self.batch_size = batch_size
        self._users = np.flatnonzero(counts)

    @property
    def num_users(self) -> int:
        """How many users have a known class and are scored."""
        return len(self._users)

    def predict(
        self, scorer: Scorer, progress: Progress | None = None
    ) -> Predictions:
        """Predicts the class of every user who has one.

        Args:
          scorer: maps int32 histories `[users, length]`, left-padded with 0
            to their own longest (at least 1), to scores
            `[users, num_items]`. Calls differ in both dimensions.
          progress: called with (users done, users in all) after each batch.

        Returns:
          `Predictions` of `num_users` rows; of equal scores the lower class,
          which is the more frequent one, is predicted.

        Raises:
          TrainingError: the score of a class is NaN.
          ValueError: the scorer's answer has another shape.
        """
        prediction = np.zeros(self.num_users, np.int32)
        for slots, scores in scored_batches(
            scorer,
            self.history,
            self._users,
            num_items=self.num_items,
            batch_size=min(self.batch_size, rows_in_bounds(self.num_items)),
            progress=progress,
        ):
            # NumPy promises the first of equal scores, TensorFlow does not.
            prediction[slots] = scores.numpy()[:, FIRST_ITEM:].argmax(axis=1)
        label = np.asarray(self.targets.values, np.int32) - FIRST_ITEM
        return Predictions(
            self._users.astype(np.int32), label, division.joined(prediction)
        )


def _checked(
    labels: np.ndarray, predictions: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    labels, predictions = np.asarray(labels), np.asarray(predictions)
    if labels.ndim != 1 or labels.shape != predictions.shape:
        raise ValueError(
            "labels and predictions should be equally long. "
            f"Received: {labels.shape} and {predictions.shape}"
        )
    if not labels.size:
        raise errors.InputError(
            "there is nobody to classify: the split holds no user whose "
            "attribute is known; give it a larger share of the data "
            "(--split_fractions)"
        )
    return labels, predictions
