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

    How a user rates in one domain tells how they rate in the other. Shared
    biases know it: those of users are their biases in the source domain,
    fitted there alone, times a number, and what the target adds to it. A
    domain without ratings, whose negatives are sampled, does not tell.

    Args:
      data: the examples.
      seed: of the negatives.
    """

    def __init__(self, data: JointData, seed: int) -> None:
        self._data = data
        self._sizes = {
            domain: (data.sizes.users - FIRST_ITEM, num_items)
            for domain, num_items in (
                ("source", data.sizes.source_items),
                ("target", data.sizes.target_items),
            )
        }
        random = generator(seed, _NEGATIVES, 0)
        numbers = data.examples("target", TRAIN)
        self._training = self._examples("target", numbers, random)
        self._is_train = np.isin(numbers, data.train)
        self._found: dict[tuple[bool, bool], Biases] = {}

    @property
    def both_rated(self) -> bool:
        """Whether there are shared biases."""
        domains = self._data.source, self._data.target
        return all(domain.label is not None for domain in domains)

    def _examples(
        self,
        domain: str,
        numbers: np.ndarray,
        random: np.random.Generator | None = None,
    ) -> Examples:
        events = self._data.domain(domain)
        items, labels = events.answers(numbers, random)
        return Examples(events.user[numbers >> 1], items, labels)

    def shares(self) -> dict[str, float]:
        """Test metrics of each item's share of positives."""
        shares = item_shares(self._training, *self._sizes["target"])
        return self._judged(shares, TEST)

    def rows(self, task: NextTarget) -> list[Row]:
        """Those of biases, and of shared ones where both domains have ratings.

        Args:
          task: ranks by the items' biases.
        """
        rows = [self._row("bias", task, shared=False)]
        if self.both_rated:
            rows.append(self._row("shared bias", task, shared=True))
        return rows

    def _row(self, name: str, task: NextTarget, *, shared: bool) -> Row:
        start = time.monotonic()
        best = self._fitted(shared, with_meta_set=True)
        metrics = self._judged(best, TEST) | task.test(
            functools.partial(_broadcast, best.item.astype(np.float32)), None
        )
        return Row(name, metrics, time.monotonic() - start, peak_bytes())

    def start(self, *, shared: bool, with_meta_set: bool = False) -> PairBias:
        """What a joint model's heads of the target domain add to.

        Args:
          shared: whether users' biases of the source domain take part.
          with_meta_set: whether the model trains on it.
        """
        found = self._fitted(
            shared and self.both_rated,
            with_meta_set=with_meta_set or bool(self._is_train.all()),
        )
        unknown = np.zeros(FIRST_ITEM)
        user = found.offset + np.concatenate([unknown, found.user])
        return PairBias(user, found.item)

    @functools.cached_property
    def _of_source(self) -> np.ndarray:
        """`[users]`, their biases in the source domain."""
        numbers = self._data.examples("source", TRAIN)
        return self._searched("source", self._examples("source", numbers)).user

    def _fitted(self, shared: bool, *, with_meta_set: bool) -> Biases:
        asked = shared, with_meta_set
        if asked not in self._found:
            used = self._is_train | with_meta_set
            known = self._of_source if shared else None
            self._found[asked] = self._searched(
                "target", self._training.take(used), known
            )
        return self._found[asked]

    def _searched(
        self, domain: str, training: Examples, known: np.ndarray | None = None
    ) -> Biases:
        """With the penalty of the best validation log loss.

        From the largest penalty on, each fit begins at the last one.
        """
        fitted: list[Biases] = []
        for penalty in _PENALTIES:
            begin = fitted[-1] if fitted else None
            fitted.append(
                fit_biases(
                    training, *self._sizes[domain], penalty, begin, known
                )
            )
        return min(
            fitted,
            key=lambda one: self._judged(one, VALIDATION, domain)["log_loss"],
        )

    def _judged(
        self, found: Biases, split: int, domain: str = "target"
    ) -> dict[str, float]:
        asked = self._examples(domain, self._data.examples(domain, split))
        logit = found.logits(asked.user, asked.item)
        return Probabilities(
            asked.user, asked.item, asked.label, logit
        ).metrics("test" if split == TEST else "validation")


def _broadcast(scores: np.ndarray, history: np.ndarray) -> np.ndarray:
    """The same scores of all items for each row of a history."""
    return np.broadcast_to(scores, (len(history), len(scores)))
