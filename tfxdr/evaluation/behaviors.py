"""What the source behaviors of the test users are worth to the target."""

from __future__ import annotations

import dataclasses

import numpy as np
import scipy.special

from tfxdr import errors
from tfxdr.evaluation.arrays import SavedArrays
from tfxdr.evaluation.binary import auc
from tfxdr.evaluation.groups import Groups
from tfxdr.types import FIRST_ITEM

_EQUAL = 1e-3  # of the average weight: less is no difference


@dataclasses.dataclass(frozen=True)
class BehaviorWeights(SavedArrays):
    """What a meta-learner thinks of each source behavior of the test users.

    A row is one behavior; all of a user's rows may stand anywhere, and users
    without a source history have none.

    Attributes:
      user: `[behaviors]` int32, row of the user.
      item: `[behaviors]` int32 source items.
      category: `[behaviors]` int32, theirs.
      log_importance: `[behaviors]` float32, `MetaLearner.importance`: the
        softmax over the rows of a batch makes their weights of it.

    Raises:
      ValueError: the shapes differ, or an importance is not finite.
    """

    what = "behavior weights"
    types = {
        "user": np.int32,
        "item": np.int32,
        "category": np.int32,
        "log_importance": np.float32,
    }

    user: np.ndarray
    item: np.ndarray
    category: np.ndarray
    log_importance: np.ndarray

    def __post_init__(self) -> None:
        shapes = {name: np.shape(getattr(self, name)) for name in self.types}
        if len(set(shapes.values())) != 1 or len(shapes["user"]) != 1:
            raise ValueError(
                f"all should have the shape [behaviors]. Received: {shapes}"
            )
        finite = np.isfinite(self.log_importance)
        if not finite.all():
            raise ValueError(
                "log_importance should be finite. Received: "
                f"{self.log_importance[~finite][0]}"
            )

    def __len__(self) -> int:
        return len(self.log_importance)

    def relative(self) -> np.ndarray:
        """`[behaviors]` float64, how often the average behavior's weight.

        That is `exp(log_importance)` over its mean, so the mean is 1. One of
        2 counts, in a batch with others, twice as much as the average one.

        Raises:
          InputError: there is not one behavior.
        """
        return scipy.special.softmax(self._logs()) * len(self)

    def log_relative(self) -> np.ndarray:
        """`[behaviors]` float64, the logarithm of `relative`; it is finite.

        Raises:
          InputError: there is not one behavior.
        """
        return scipy.special.log_softmax(self._logs()) + np.log(len(self))

    def most_and_least(self, user: int, k: int) -> tuple[np.ndarray, ...]:
        """A user's most and least useful behaviors.

        Args:
          user: row of the user.
          k: how many of each, at most. Who has fewer than twice as many gets
            half of their behaviors as each; none stands in both.

        Returns:
          Positions of the behaviors, int64: the most useful ones, the best
          first, and the least useful ones, the worst first. Of equal ones the
          earlier counts as better.

        Raises:
          InputError: the user has no behavior here.
          ValueError: `k` is below 1.
        """
        if k < 1:
            raise ValueError(f"k should be at least 1. Received: {k}")
        places = np.flatnonzero(np.asarray(self.user) == user)
        if not len(places):
            raise errors.InputError(
                f"user row {user} has no behavior weights: expected a test "
                "user with a source history; ask for another user"
            )
        order = places[np.argsort(-self._logs()[places], kind="stable")]
        num_most = min(k, (len(order) + 1) // 2)
        num_least = min(k, len(order) - num_most)
        return order[:num_most], order[::-1][:num_least]

    def means_by_group(self, groups: Groups) -> dict[str, float]:
        """The mean relative weight of each group that has a behavior.

        Args:
          groups: of all source items.

        Raises:
          InputError: there is not one behavior.
        """
        relative = self.relative()
        return {
            name: float(relative[here].mean())
            for name, here in groups.take(self._items()).items()
        }

    def auc_of(self, groups: Groups) -> float | None:
        """How well the weights tell which behaviors should count.

        Args:
          groups: of all source items.

        Returns:
          The AUC: 1 if every behavior that should count outweighs every other,
          0.5 if weights know nothing of it; none if it is not known which
          should, or behaviors are all alike in it.
        """
        truth = groups.truth(self._items())
        if truth is None:
            return None
        known, label = truth
        return auc(label, self.log_importance[known])

    def _items(self) -> np.ndarray:
        """`[behaviors]` rows of the source items."""
        return self.item - FIRST_ITEM

    def _logs(self) -> np.ndarray:
        if not len(self):
            raise errors.InputError(
                "there are no behavior weights to describe: no test user has "
                "a source history; give the test split a larger share of the "
                "data (--split_fractions)"
            )
        return np.asarray(self.log_importance, np.float64)


def equal_weights(relative: np.ndarray) -> str:
    """What to say of weights that do not differ; "" if they do.

    Args:
      relative: `[behaviors]` weights, 1 is the average.
    """
    relative = np.asarray(relative, np.float64)
    if len(relative) < 2:
        return ""
    spread = relative.max() - relative.min()
    if spread > _EQUAL * relative.mean():
        return ""
    return (
        f"the weights are equal to {100 * _EQUAL:g} %: not learned, or "
        "nothing to learn"
    )


def behavior_metrics(weights: BehaviorWeights) -> dict[str, float]:
    """How unequal the behaviors of the test users are.

    Weights are relative here, so their mean is 1 and says nothing.

    Args:
      weights: of all test users.

    Returns:
      `behaviors/median`: of the weights; the further below 1, the fewer carry
        most of the weight.
      `behaviors/deviation`: standard deviation; 0 if all count the same.
      `behaviors/share_below_half`: the share that counts less than half of
        the average.
      `behaviors/entropy`: of the weights as a distribution over behaviors,
        divided by its largest possible value; 1 if all count the same (also
        for a single one), 0 if one has all.
      `behaviors/top10_share`: what share of all weight the heaviest tenth
        holds (rounded up to a whole behavior); 0.1 if all count the same.

    Raises:
      InputError: there is not one behavior.
    """
    relative = weights.relative()
    count = len(relative)
    entropy = scipy.special.entr(relative / count).sum()
    heaviest = np.sort(relative)[::-1][: -(-count // 10)]
    return {
        "behaviors/median": float(np.median(relative)),
        "behaviors/deviation": float(relative.std()),
        "behaviors/share_below_half": float((relative < 0.5).mean()),
        "behaviors/entropy": float(entropy / np.log(count))
        if count > 1
        else 1.0,
        "behaviors/top10_share": float(heaviest.sum() / count),
    }
