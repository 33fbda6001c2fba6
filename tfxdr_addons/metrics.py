"""Metrics of tensorflow-addons for `--task=profile`: `--class_metrics=f1`.

They are updated with a one-hot truth and a one-hot prediction, both
`[users, classes]` float32.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from tfxdr.registry import class_metrics
from tfxdr_addons.needed import addons

if TYPE_CHECKING:
    import tensorflow as tf
    from tensorflow import keras


@class_metrics.register("f1")
def f1(
    num_classes: int, average: Literal["macro", "micro", "weighted"] = "macro"
) -> keras.metrics.Metric:
    """F1, averaged over classes.

    tfxdr's own `macro_f1` leaves a class out that occurs neither among the
    labels nor among the predictions; here it counts as 0.

    Args:
      num_classes: given by the program.
      average: `macro` takes every class alike, `weighted` by its users, and
        `micro`, every user alike, is the accuracy.

    Raises:
      InputError: if tensorflow-addons is not installed.
    """
    found = addons("--class_metrics=f1").metrics
    return found.F1Score(num_classes, average=average)


@class_metrics.register("matthews")
def matthews(num_classes: int) -> keras.metrics.Metric:
    """Matthews' correlation of labels and predictions, in [-1, 1].

    Raises:
      InputError: if tensorflow-addons is not installed.
    """
    found = addons("--class_metrics=matthews").metrics
    return found.MatthewsCorrelationCoefficient(num_classes)


@class_metrics.register("cohen-kappa")
def cohen_kappa(
    num_classes: int,
    weightage: Literal["equal", "linear", "quadratic"] = "equal",
) -> keras.metrics.Metric:
    """Cohen's kappa: agreement beyond what chance would give.

    Args:
      num_classes: given by the program.
      weightage: what a mistake costs by the distance of the two classes,
        where these have an order: all the same, the distance, or its square.

    Raises:
      InputError: if tensorflow-addons is not installed.
    """
    found = addons("--class_metrics=cohen-kappa").metrics
    weights = None if weightage == "equal" else weightage
    if num_classes > 2:
        return found.CohenKappa(num_classes, weightage=weights)

    class BinaryKappa(found.CohenKappa):  # type: ignore[name-defined]
        """Of two classes, which tensorflow-addons reads as one column."""

        def update_state(
            self, y_true: tf.Tensor, y_pred: tf.Tensor, sample_weight=None
        ) -> tf.Tensor:
            return super().update_state(
                y_true[:, 1], y_pred[:, 1], sample_weight
            )

    return BinaryKappa(num_classes, weightage=weights)
