"""Is a difference between two methods real over worlds of generated data?

A world is a data set of its own, with its own users: instances of two worlds
are not paired, but two methods in one world are. So a world is one observation.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np
import scipy  # loads its statistics, which takes a while, when they are used

from tfxdr.evaluation.significance import holm


@dataclasses.dataclass(frozen=True)
class WorldGap:
    """One method less another, over the worlds that both were run in.

    Attributes:
      left: name of a method.
      right: of the other, which is taken from it.
      metric: such as `hr@5`.
      worlds: how many.
      above: in how many of them the left one is above.
      mean: of the differences.
      low: end of their 95 % interval, by Student's t.
      high: its other end.
      p: of no difference, two-sided, by the paired t-test, corrected by Holm
        over all gaps that are judged together.
    """

    left: str
    right: str
    metric: str
    worlds: int
    above: int
    mean: float
    low: float
    high: float
    p: float


def gaps_over_worlds(
    values: Mapping[str, Mapping[int, Mapping[str, float]]],
    metrics: Sequence[str],
    baseline: str,
) -> list[WorldGap]:
    """Holds methods against one, world by world.

    Args:
      values: metrics by method and world.
      metrics: by which they are compared.
      baseline: the method that is taken from the others.

    Returns:
      One for each method and metric with at least two worlds in common.
    """
    base = values[baseline]
    found = []
    for name, worlds in values.items():
        shared = sorted(set(worlds) & set(base))
        if name == baseline or len(shared) < 2:
            continue
        for metric in metrics:
            gain = np.array(
                [worlds[w][metric] - base[w][metric] for w in shared]
            )
            found.append(_gap(name, baseline, metric, gain))
    corrected = holm(np.array([gap.p for gap in found]))
    return [
        dataclasses.replace(gap, p=float(p))
        for gap, p in zip(found, corrected, strict=True)
    ]


def _gap(left: str, right: str, metric: str, gain: np.ndarray) -> WorldGap:
    mean, error = float(gain.mean()), float(scipy.stats.sem(gain))
    low = high = mean
    p = float(mean == 0)  # All worlds agree to the last digit.
    if error > 0:
        t = scipy.stats.t(len(gain) - 1)
        low, high = mean + error * np.array(t.interval(0.95))
        p = 2 * t.sf(abs(mean) / error)
    return WorldGap(
        left,
        right,
        metric,
        len(gain),
        int((gain > 0).sum()),
        mean,
        float(low),
        float(high),
        float(p),
    )
