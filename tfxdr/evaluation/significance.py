"""Is a difference between two methods real? Paired, and by user.

A user's instances are not independent, so that users, and not instances, are
drawn in a bootstrap and have their signs flipped in a permutation test. A
metric is the mean over instances all the same: a user with more of them counts
for more, in both.
"""

from __future__ import annotations

import dataclasses

import numpy as np

RESAMPLES = 10_000
_PART = 1_000  # resamples at a time, which bounds memory


@dataclasses.dataclass(frozen=True)
class Difference:
    """One method less another, by one metric.

    Attributes:
      mean: over instances.
      low: end of the 95 % interval.
      high: its other end.
      p: of no difference, two-sided, not corrected.
      effect: the mean of users' differences in units of their standard
        deviation (Cohen's d of paired samples); 0 if no user differs.
    """

    mean: float
    low: float
    high: float
    p: float
    effect: float


def differences(
    values: np.ndarray,
    users: np.ndarray,
    *,
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> list[Difference]:
    """Judges differences of the same instances, each for itself.

    All of them see the same resamples. The interval is the percentile
    bootstrap's (Efron and Tibshirani 1993, chapter 13), the p-value that of a
    test in which every user's sign is flipped by a fair coin (Fisher's
    randomization test; Smucker et al. 2007 on rankings); it is at least
    1 / (`resamples` + 1).

    Args:
      values: `[instances, differences]` of a metric, one method less another.
      users: `[instances]` int, who an instance is of.
      seed: of the resamples.
      resamples: of either kind.

    Raises:
      ValueError: there is no instance.
    """
    if not len(users):
        raise ValueError("expected instances to compare. Received: none")
    _, row, counts = np.unique(users, return_inverse=True, return_counts=True)
    sums = np.zeros((len(counts), values.shape[1]))
    np.add.at(sums, row, values)
    random = np.random.Generator(np.random.PCG64(seed))
    low, high = np.quantile(
        _bootstrap(sums, counts, random, resamples), [0.025, 0.975], axis=0
    )
    p = _flipped(sums, random, resamples)
    of_users = sums / counts[:, np.newaxis]
    spread = of_users.std(axis=0, ddof=1 if len(counts) > 1 else 0)
    effect = np.divide(
        of_users.mean(axis=0),
        spread,
        out=np.zeros_like(spread),
        where=spread > 0,
    )
    means = sums.sum(axis=0) / counts.sum()
    return [
        Difference(*map(float, one))
        for one in zip(means, low, high, p, effect, strict=True)
    ]


def _bootstrap(
    sums: np.ndarray,
    counts: np.ndarray,
    random: np.random.Generator,
    resamples: int,
) -> np.ndarray:
    """`[resamples, differences]` means over as many users, drawn anew."""
    found = []
    equal = np.full(len(counts), 1 / len(counts))
    for size in _parts(resamples, len(counts)):
        drawn = random.multinomial(len(counts), equal, size).astype(np.float64)
        found.append(drawn @ sums / (drawn @ counts)[:, np.newaxis])
    return np.concatenate(found)


def _flipped(
    sums: np.ndarray, random: np.random.Generator, resamples: int
) -> np.ndarray:
    """`[differences]` shares of flipped sums at least as far from 0."""
    far = np.abs(sums.sum(axis=0)) * (1 - 1e-12)  # rounding makes no loser
    beyond = np.zeros(sums.shape[1])
    for size in _parts(resamples, len(sums)):
        signs = random.integers(0, 2, (size, len(sums))) * 2.0 - 1.0
        beyond += (np.abs(signs @ sums) >= far).sum(axis=0)
    return (beyond + 1) / (resamples + 1)


def _parts(resamples: int, users: int) -> list[int]:
    size = max(1, min(_PART, 20_000_000 // max(users, 1)))
    whole, rest = divmod(resamples, size)
    return [size] * whole + ([rest] if rest else [])


def holm(p: np.ndarray) -> np.ndarray:
    """Holm's step-down correction (1979) of p-values tested together.

    Args:
      p: `[tests]`.

    Returns:
      `[tests]` p-values that may be held against a level for all.
    """
    p = np.asarray(p, np.float64)
    order = np.argsort(p, kind="stable")
    steps = np.arange(len(p), 0, -1) * p[order]
    corrected = np.empty_like(p)
    corrected[order] = np.minimum(np.maximum.accumulate(steps), 1.0)
    return corrected
