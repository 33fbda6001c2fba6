"""What joint models start from and are held against: shares and biases."""

from __future__ import annotations

import functools
import time

import numpy as np

from tfxdr.data.joint.examples import JointData
from tfxdr.data.replayed import generator
from tfxdr.data.splits import TEST, TRAIN, VALIDATION
from tfxdr.evaluation import Probabilities
from tfxdr.experiments.tasks import NextTarget
from tfxdr.layers.pair_bias import PairBias
from tfxdr.models.biases import Biases, Examples, fit_biases, item_shares
from tfxdr.report.table import Row
from tfxdr.training.cost import peak_bytes
from tfxdr.types import FIRST_ITEM

_PENALTIES = (30.0, 10.0, 3.0, 1.0)  # of biases; validation picks one
_NEGATIVES = 13  # tells this random stream from others


class LabelBaselines:
    """Knows an item's share of positives, and biases of users and items.

    They learn from the target domain's training examples, the meta set with
    them: rated pairs, or events and a sampled negative each. What a model
    starts from leaves the meta set out.

    Args:
      data: the examples.
      seed: of the negatives.
    """

    def __init__(self, data: JointData, seed: int) -> None:
        self._data = data
        self._sizes = len(data.target.items), data.num_target_items
        random = generator(seed, _NEGATIVES, 0)
        numbers = data.examples("target", TRAIN)
        self._training = self._examples(numbers, random)
        self._is_train = np.isin(numbers, data.train)

    def _examples(
        self, numbers: np.ndarray, random: np.random.Generator | None
    ) -> Examples:
        target = self._data.target
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
        best = self._of_all
        metrics = self._judged(best, TEST) | task.test(
            functools.partial(_broadcast, best.item.astype(np.float32)), None
        )
        return Row("bias", metrics, time.monotonic() - start, peak_bytes())

    def start(self) -> PairBias:
        """What a joint model's heads of the target domain add to."""
        found = self._of_all
        if not self._is_train.all():
            found = self._fitted(self._training.take(self._is_train))
        unknown = np.zeros(FIRST_ITEM)
        user = found.offset + np.concatenate([unknown, found.user])
        return PairBias(user, found.item)

    @functools.cached_property
    def _of_all(self) -> Biases:
        return self._fitted(self._training)

    def _fitted(self, training: Examples) -> Biases:
        """With the penalty of the best validation log loss.

        From the largest penalty on, each fit begins at the last one.
        """
        fitted: list[Biases] = []
        for penalty in _PENALTIES:
            begin = fitted[-1] if fitted else None
            fitted.append(fit_biases(training, *self._sizes, penalty, begin))
        return min(
            fitted, key=lambda one: self._judged(one, VALIDATION)["log_loss"]
        )

    def _judged(self, found: Biases, split: int) -> dict[str, float]:
        numbers = self._data.examples("target", split)
        asked = self._examples(numbers, None)
        logit = found.logits(asked.user, asked.item)
        return Probabilities(
            asked.user, asked.item, asked.label, logit
        ).metrics("test" if split == TEST else "validation")


def _broadcast(scores: np.ndarray, history: np.ndarray) -> np.ndarray:
    """The same scores of all items for each row of a history."""
    return np.broadcast_to(scores, (len(history), len(scores)))
