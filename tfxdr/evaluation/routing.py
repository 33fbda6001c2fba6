"""Which of two models to ask for a user, learned from who gained by which."""

from __future__ import annotations

import numpy as np

FOLDS = 5
# Of the mean square of a gain, in units of standardized features. Infinity
# sends everybody one way: a router that has nothing to go by does that.
PENALTIES = (*(10.0**power for power in range(-3, 3)), np.inf)


def predicted_gains(
    features: np.ndarray, gains: np.ndarray, weights: np.ndarray
) -> np.ndarray:
    """Predicts what each user gains by the second model, from other users.

    Ridge regression (Hoerl and Kennard 1970) of the gains on standardized
    features, cross-fitted: users are in folds, and those of one are predicted
    by a regression on all the others. The penalty is the one with the least
    cross-fitted square error.

    Args:
      features: `[users, features]`, known before anything is recommended.
      gains: `[users]` the second model's value less the first one's; anything
        where the weight is 0.
      weights: `[users]` how many instances a gain is a mean of; 0: of none,
        so that nothing is learned from the user.

    Returns:
      `[users]` float64.

    Raises:
      ValueError: fewer users than folds have a gain.
    """
    known = np.flatnonzero(weights)
    if len(known) < FOLDS:
        raise ValueError(
            f"at least {FOLDS} users should have a gain. Received: {len(known)}"
        )
    fold = _folds(weights > 0)
    scale = features.std(axis=0)
    used = scale > 0
    x = (features[:, used] - features[:, used].mean(axis=0)) / scale[used]
    found = np.empty((len(PENALTIES), len(gains)))
    for one in range(FOLDS):
        rest, own = fold != one, fold == one
        found[:, own] = _ridge(
            x[rest], gains[rest], weights[rest].astype(np.float64), x[own]
        )
    errors = (weights * (found - gains) ** 2)[:, known].sum(axis=1)
    return found[np.argmin(errors)]


def _folds(known: np.ndarray) -> np.ndarray:
    """`[users]`: those whose gain is known are spread evenly."""
    random = np.random.default_rng(0)
    fold = np.empty(len(known), np.int64)
    for group in (known, ~known):
        fold[group] = random.permutation(int(group.sum())) % FOLDS
    return fold


def _ridge(
    x: np.ndarray, y: np.ndarray, weights: np.ndarray, asked: np.ndarray
) -> np.ndarray:
    """`[penalties, asked]` predictions; the intercept is not penalized."""
    share = weights / weights.sum()
    mean_x, mean_y = share @ x, share @ y
    centered = x - mean_x
    covariance = (centered * share[:, np.newaxis]).T @ centered
    cross = centered.T @ (share * (y - mean_y))
    values, vectors = np.linalg.eigh(covariance)
    along, asked_along = vectors.T @ cross, (asked - mean_x) @ vectors
    values = np.maximum(values, 0.0)  # rounding makes some of them negative
    return np.stack(
        [
            mean_y + asked_along @ (along / (values + penalty))
            for penalty in PENALTIES
        ]
    )


def hindsight(
    first: np.ndarray, second: np.ndarray, users: np.ndarray
) -> float:
    """The mean if each user had the better of two, chosen by what came out.

    Chance alone lifts it above both, the more the fewer instances a user has.

    Args:
      first: `[instances]` values of one.
      second: `[instances]` values of the other.
      users: `[instances]` whom they are of.
    """
    _, row = np.unique(users, return_inverse=True)
    sums = [np.bincount(row, values) for values in (first, second)]
    return float(np.maximum(*sums).sum() / len(users))
