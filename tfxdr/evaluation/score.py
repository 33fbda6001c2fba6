"""A test's value with what each instance has to do with it."""

from __future__ import annotations

import dataclasses

import numpy as np
import scipy  # loads its statistics, which takes a while, when they are used

from tfxdr.evaluation.binary import Probabilities
from tfxdr.evaluation.metrics import hits
from tfxdr.evaluation.ranking import Ranking


@dataclasses.dataclass(frozen=True, eq=False)
class Score:
    """A value, and how far each instance draws it from its expectation.

    Attributes:
      name: of the metric, `HR@5` or `AUC`.
      value: more is better.
      user: `[instances]` rows of the users.
      item: `[instances]` target items.
      influence: `[instances]` float64, which add up to 0: the sum of their
        squares is the value's variance, if instances are independent.
    """

    name: str
    value: float
    user: np.ndarray
    item: np.ndarray
    influence: np.ndarray

    @classmethod
    def of_hits(cls, ranking: Ranking, top: int) -> Score:
        """HR@`top`, a mean: an instance adds its residual over their number."""
        hit = hits(ranking.rank, top)
        mean = float(hit.mean())
        return cls(
            f"HR@{top}",
            mean,
            ranking.user,
            ranking.item,
            (hit - mean) / len(hit),
        )

    @classmethod
    def of_auc(cls, found: Probabilities) -> Score:
        """The AUC, a mean over pairs of examples (DeLong et al. 1988).

        Of a positive counts the share of negatives below it, of a negative the
        share of positives above it, each as a residual over their number.
        """
        positive = np.asarray(found.label) == 1
        rank = scipy.stats.rankdata(found.logit)
        won = np.empty(len(rank))
        for own in (positive, ~positive):
            among_own = scipy.stats.rankdata(found.logit[own])
            won[own] = (rank[own] - among_own) / (~own).sum()
        won[~positive] = 1 - won[~positive]
        value = float(won[positive].mean())
        count = np.where(positive, positive.sum(), (~positive).sum())
        return cls("AUC", value, found.user, found.item, (won - value) / count)

    def less(self, other: Score) -> tuple[float, float]:
        """This value less another one, and the standard error of that.

        Paired by instance; the error is that of a mean over clusters, a user's
        instances being one.

        Raises:
          ValueError: the two are not of the same metric and instances.
        """
        same = self.name == other.name and all(
            np.array_equal(getattr(self, name), getattr(other, name))
            for name in ("user", "item")
        )
        if not same:
            raise ValueError(
                "scores should be of one metric and of the same instances. "
                f"Received: {self.name} of {len(self.user)} and {other.name} "
                f"of {len(other.user)}"
            )
        by_user = np.bincount(
            self.user, weights=self.influence - other.influence
        )
        return self.value - other.value, float(np.sqrt((by_user**2).sum()))
