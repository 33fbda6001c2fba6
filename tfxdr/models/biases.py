"""What joint models have to beat: an item's share, and biases."""

from __future__ import annotations

import dataclasses

import numpy as np
import scipy.optimize
import scipy.special

_PRIOR = 5.0  # examples at the mean that an item is taken to have
_TOLERANCE = 1e-7  # of the objective, relative


@dataclasses.dataclass(frozen=True)
class Examples:
    """Labelled pairs.

    Attributes:
      user: `[n]` rows of the users.
      item: `[n]` target items.
      label: `[n]` float, 0 or 1.
    """

    user: np.ndarray
    item: np.ndarray
    label: np.ndarray

    def take(self, chosen: np.ndarray) -> Examples:
        """Those of an index or a mask."""
        return Examples(
            self.user[chosen], self.item[chosen], self.label[chosen]
        )


@dataclasses.dataclass(frozen=True)
class Biases:
    """`logit = offset + user + item`: users and items do not interact.

    Attributes:
      offset: of all.
      user: `[users]` float64.
      item: `[items]` float64.
    """

    offset: float
    user: np.ndarray
    item: np.ndarray

    def logits(self, user: np.ndarray, item: np.ndarray) -> np.ndarray:
        """Of pairs, `[n]` float64.

        Args:
          user: `[n]` rows of the users.
          item: `[n]` target items.
        """
        return self.offset + self.user[user] + self.item[item]


def item_shares(examples: Examples, num_users: int, num_items: int) -> Biases:
    """Each item's share of positives, drawn to the share of all.

    Args:
      examples: of training.
      num_users: size of the user table.
      num_items: size of the item table.
    """
    positives = np.bincount(examples.item, examples.label, num_items)
    counts = np.bincount(examples.item, minlength=num_items)
    # One of either label, so that no share is 0 or 1.
    mean = (examples.label.sum() + 1) / (len(examples.label) + 2)
    share = (positives + _PRIOR * mean) / (counts + _PRIOR)
    logit = scipy.special.logit(share)
    return Biases(0.0, np.zeros(num_users), logit)


def fit_biases(
    examples: Examples,
    num_users: int,
    num_items: int,
    penalty: float,
    start: Biases | None = None,
) -> Biases:
    """Logistic regression on who the user is and which the item.

    It is at the minimum of the summed cross-entropy plus
    `penalty / 2 * (||user||^2 + ||item||^2)`, which is convex; the offset is
    free. The baseline estimates of Koren (2009, "Collaborative filtering with
    temporal dynamics", eq. 2) for labels in place of ratings.

    Args:
      examples: of training.
      num_users: size of the user table.
      num_items: size of the item table.
      penalty: above 0.
      start: where the search begins, such as a fit with another penalty, near
        which it is short; none: at 0.

    Raises:
      ValueError: the penalty is not above 0.
    """
    if not penalty > 0:
        raise ValueError(f"penalty should be above 0. Received: {penalty}")
    user, item, label = examples.user, examples.item, examples.label
    sizes = num_users, num_items

    def objective(parameters: np.ndarray) -> tuple[float, np.ndarray]:
        found = _unpacked(parameters, num_users)
        logit = found.logits(user, item)
        loss = np.logaddexp(0.0, logit).sum() - label @ logit
        slope = scipy.special.expit(logit) - label
        biases = parameters[1:]
        gradient = np.concatenate(
            [
                [slope.sum()],
                *(
                    np.bincount(rows, slope, size)
                    for rows, size in zip((user, item), sizes, strict=True)
                ),
            ]
        )
        gradient[1:] += penalty * biases
        return loss + penalty / 2 * biases @ biases, gradient

    nothing = Biases(0.0, np.zeros(num_users), np.zeros(num_items))
    found = scipy.optimize.minimize(
        objective,
        _packed(start or nothing),
        jac=True,
        method="L-BFGS-B",
        options={"ftol": _TOLERANCE},
    )
    return _unpacked(found.x, num_users)


def _packed(biases: Biases) -> np.ndarray:
    return np.concatenate([[biases.offset], biases.user, biases.item])


def _unpacked(parameters: np.ndarray, num_users: int) -> Biases:
    user, item = np.split(parameters[1:], [num_users])
    return Biases(float(parameters[0]), user, item)
