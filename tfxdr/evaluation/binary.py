"""How well logits tell examples of label 1 from those of label 0."""

from __future__ import annotations

import dataclasses

import numpy as np
import scipy  # loads its statistics, which takes a while, when they are used

from tfxdr import errors
from tfxdr.evaluation.arrays import SavedArrays
from tfxdr.registry.metric_names import BINARY_METRICS


def auc(
    label: np.ndarray, score: np.ndarray, *, split: str = "evaluation"
) -> float:
    """The area under the ROC curve, exact, with ties.

    It is the chance that a random example of label 1 scores above a random
    one of label 0, where a tie counts one half (Mann and Whitney, 1947), and
    is computed from ranks, without thresholds.

    Args:
      label: `[n]`, 0 or 1.
      score: `[n]` logits, probabilities or whatever rises with them.
      split: which the examples are of, for the error.

    Raises:
      InputError: all labels are the same, or there is none.
      TrainingError: a score is NaN.
      ValueError: the shapes differ, or a label is neither 0 nor 1.
    """
    positive, score = _checked(label, score, split)
    count = int(positive.sum())
    # Halves and whole numbers: float64 holds them exactly up to 2^52.
    ranks = scipy.stats.rankdata(score)[positive].sum()
    above = ranks - count * (count + 1) / 2
    return float(above / (count * (len(positive) - count)))


def log_loss(
    label: np.ndarray, logit: np.ndarray, *, split: str = "evaluation"
) -> float:
    """The mean binary cross-entropy in nats, from logits of any size.

    Args:
      label: `[n]`, 0 or 1.
      logit: `[n]`.
      split: which the examples are of, for the error.

    Raises:
      As `auc`.
    """
    positive, logit = _checked(label, logit, split)
    wrong = np.where(positive, -logit, logit)
    return float(np.logaddexp(0.0, wrong).mean())


def binary_metrics(
    label: np.ndarray,
    score: np.ndarray,
    *,
    from_logits: bool = True,
    split: str = "evaluation",
) -> dict[str, float]:
    """`auc` and `log_loss` under these keys.

    Args:
      label: `[n]`, 0 or 1.
      score: `[n]` logits, or probabilities of label 1.
      from_logits: which of the two. A probability of 0 or 1 counts as one
        that is off by the resolution of its type, or a single mistake would
        make the log loss infinite; logits need nothing of the kind.
      split: which the examples are of, for the error: `test`.

    Raises:
      InputError: all labels are the same, or there is none.
      TrainingError: a score is NaN.
      ValueError: the shapes differ, a label is neither 0 nor 1, or a
        probability lies outside [0, 1].
    """
    logit = score if from_logits else _logits(score)
    # The AUC is of the scores themselves: two probabilities may share a logit.
    values = auc(label, score, split=split), log_loss(label, logit, split=split)
    return dict(zip(BINARY_METRICS, values, strict=True))


@dataclasses.dataclass(frozen=True)
class Probabilities(SavedArrays):
    """What a model thinks of labelled pairs of user and target item.

    Attributes:
      user: `[n]` int32 rows of the users.
      item: `[n]` int32 target items.
      label: `[n]` int32, 0 or 1.
      logit: `[n]` float32, of label 1.
    """

    what = "probabilities"
    types = {
        "user": np.int32,
        "item": np.int32,
        "label": np.int32,
        "logit": np.float32,
    }

    user: np.ndarray
    item: np.ndarray
    label: np.ndarray
    logit: np.ndarray

    def __len__(self) -> int:
        return len(self.logit)

    @property
    def probability(self) -> np.ndarray:
        """`[n]` float64, of label 1."""
        return scipy.special.expit(np.asarray(self.logit, np.float64))

    def metrics(self, split: str = "evaluation") -> dict[str, float]:
        """`binary_metrics` of these examples."""
        return binary_metrics(self.label, self.logit, split=split)


def _logits(probability: np.ndarray) -> np.ndarray:
    """`[n]` float64; NaN stays NaN."""
    probability = np.asarray(probability)
    if not np.issubdtype(probability.dtype, np.floating):
        probability = probability.astype(np.float64)
    outside = (probability < 0.0) | (probability > 1.0)
    if outside.any():
        raise ValueError(
            "probabilities should lie between 0 and 1. Received: "
            f"{probability[outside][0]}"
        )
    margin = float(np.finfo(probability.dtype).eps)
    bounded = np.clip(probability.astype(np.float64), margin, 1.0 - margin)
    return scipy.special.logit(bounded)


def _checked(
    label: np.ndarray, score: np.ndarray, split: str
) -> tuple[np.ndarray, np.ndarray]:
    """Labels as bool and scores as float64, both `[n]`."""
    label, score = np.asarray(label), np.asarray(score, np.float64)
    if label.ndim != 1 or label.shape != score.shape:
        raise ValueError(
            "labels and scores should be equally long. Received: "
            f"{label.shape} and {score.shape}"
        )
    strange = (label != 0) & (label != 1)
    if strange.any():
        raise ValueError(
            f"labels should be 0 or 1. Received: {label[strange][0]}"
        )
    positive = label == 1
    if positive.all() or not positive.any():
        found = f"{label[0]:g} alone" if label.size else "none"
        raise errors.InputError(
            f"the {split} split needs examples of label 0 and of label 1, "
            f"found {found}: give it a larger share of the data "
            "(--split_fractions)"
        )
    if np.isnan(score).any():
        place = int(np.flatnonzero(np.isnan(score))[0])
        raise errors.TrainingError(
            f"the score of example {place} of the {split} split is NaN: the "
            "model has diverged, its scores mean nothing."
        )
    return positive, score
