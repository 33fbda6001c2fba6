"""What joint models are held against: shares and biases, fitted when asked."""

from __future__ import annotations

import functools
import time

import numpy as np

from tfxdr.data.joint.examples import JointData
from tfxdr.data.replayed import generator
from tfxdr.data.splits import TEST, TRAIN, VALIDATION
from tfxdr.evaluation import Probabilities
from tfxdr.experiments.tasks import NextTarget
from tfxdr.models.biases import Biases, Examples, fit_biases, item_shares
from tfxdr.report.table import Row
from tfxdr.training.cost import peak_bytes

_PENALTIES = (1.0, 3.0, 10.0, 30.0)  # of biases; validation picks one
_NEGATIVES = 13  # tells this random stream from others


class LabelBaselines:
    """Knows an item's share of positives, and biases of users and items.

    They learn from the target domain's training examples, the meta set with
    them: rated pairs, or events and a sampled negative each.

    Args:
      data: the examples.
      seed: of the negatives.
    """

    def __init__(self, data: JointData, seed: int) -> None:
        self._data = data
        self._sizes = data.sizes.users, data.num_target_items
        random = generator(seed, _NEGATIVES, 0)
        self._training = self._examples(TRAIN, random)

    def _examples(
        self, split: int, random: np.random.Generator | None
    ) -> Examples:
        target = self._data.target
        numbers = self._data.examples("target", split)
        items, labels = target.answers(numbers, random)
        return Examples(target.user[numbers >> 1], items, labels)

    def shares(self) -> dict[str, float]:
        """Test metrics of each item's share of positives."""
        return self._judged(item_shares(self._training, *self._sizes), TEST)

    def biases(self, task: NextTarget) -> Row:
        """The row of biases, whose penalty has the best validation log loss.

        Args:
          task: ranks by the items' biases.
        """
        start = time.monotonic()
        fitted = [
            fit_biases(self._training, *self._sizes, penalty)
            for penalty in _PENALTIES
        ]
        best = min(
            fitted, key=lambda one: self._judged(one, VALIDATION)["log_loss"]
        )
        metrics = self._judged(best, TEST) | task.test(
            functools.partial(_broadcast, best.item.astype(np.float32)), None
        )
        return Row("bias", metrics, time.monotonic() - start, peak_bytes())

    def _judged(self, found: Biases, split: int) -> dict[str, float]:
        asked = self._examples(split, None)
        logit = found.logits(asked.user, asked.item)
        return Probabilities(
            asked.user, asked.item, asked.label, logit
        ).metrics("test" if split == TEST else "validation")


def _broadcast(scores: np.ndarray, history: np.ndarray) -> np.ndarray:
    """The same scores of all items for each row of a history."""
    return np.broadcast_to(scores, (len(history), len(scores)))
