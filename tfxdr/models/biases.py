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
      user: `[users]` float64, with the share of what was known of users.
      item: `[items]` float64.
      share: that what was known counts times.
    """

    offset: float
    user: np.ndarray
    item: np.ndarray
    share: float = 0.0

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
    known: np.ndarray | None = None,
) -> Biases:
    """Logistic regression on who the user is and which the item.

    It is at the minimum of the summed cross-entropy plus
    `penalty / 2 * (||user - share * known||^2 + ||item||^2)`, which is convex;
    the offset and the share are free. The baseline estimates of Koren (2009,
    "Collaborative filtering with temporal dynamics", eq. 2) for labels in place
    of ratings.

    Args:
      examples: of training.
      num_users: size of the user table.
      num_items: size of the item table.
      penalty: above 0.
      start: where the search begins, such as a fit with another penalty, near
        which it is short; none: at 0.
      known: `[users]`, of users beside the examples, such as their biases in
        another domain; none: nothing, the share is 0.

    Raises:
      ValueError: the penalty is not above 0.
    """
    if not penalty > 0:
        raise ValueError(f"penalty should be above 0. Received: {penalty}")
    user, item, label = examples.user, examples.item, examples.label
    sizes = num_users, num_items
    known = np.zeros(num_users) if known is None else known
    unit = _unit(examples, known, sizes, penalty)

    def objective(units: np.ndarray) -> tuple[float, np.ndarray]:
        parameters = units * unit
        found = _unpacked(parameters, known)
        logit = found.logits(user, item)
        loss = np.logaddexp(0.0, logit).sum() - label @ logit
        slope = scipy.special.expit(logit) - label
        biases = parameters[2:]
        of_users, of_items = (
            np.bincount(rows, slope, size)
            for rows, size in zip((user, item), sizes, strict=True)
        )
        free = [slope.sum(), known @ of_users]
        gradient = np.concatenate([free, of_users, of_items])
        gradient[2:] += penalty * biases
        return loss + penalty / 2 * biases @ biases, gradient * unit

    nothing = Biases(0.0, np.zeros(num_users), np.zeros(num_items))
    found = scipy.optimize.minimize(
        objective,
        _packed(start or nothing, known) / unit,
        jac=True,
        method="L-BFGS-B",
        options={"ftol": _TOLERANCE},
    )
    return _unpacked(found.x * unit, known)


def _unit(
    examples: Examples,
    known: np.ndarray,
    sizes: tuple[int, int],
    penalty: float,
) -> np.ndarray:
    """Of each parameter, in which all curve alike: the search is short then.

    By the bound of the cross-entropy's curvature, a quarter, without what two
    parameters have to do with each other.
    """
    of_users, of_items = (
        np.bincount(rows, minlength=size)
        for rows, size in zip(
            (examples.user, examples.item), sizes, strict=True
        )
    )
    free = np.array([len(examples.user), known**2 @ of_users])
    bent = np.concatenate([free, of_users, of_items]) / 4
    bent[2:] += penalty
    return 1 / np.sqrt(np.where(bent > 0, bent, 1))


def _packed(biases: Biases, known: np.ndarray) -> np.ndarray:
    free = [biases.offset, biases.share]
    own = biases.user - biases.share * known
    return np.concatenate([free, own, biases.item])


def _unpacked(parameters: np.ndarray, known: np.ndarray) -> Biases:
    offset, share = map(float, parameters[:2])
    own, item = np.split(parameters[2:], [len(known)])
    return Biases(offset, own + share * known, item, share)
