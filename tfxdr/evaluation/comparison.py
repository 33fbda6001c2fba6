"""Methods against each other: means, pairs, and who is level with whom."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from tfxdr.evaluation.significance import Difference, differences, holm

LEVEL = 0.05  # of a corrected p-value under which a difference is real


@dataclasses.dataclass(frozen=True)
class Method:
    """Runs that differ in the seed alone.

    Attributes:
      name: the component, and options in which methods of one name differ.
      seeds: of the runs.
      places: of their folders.
      metrics: means over the seeds, of all that the runs were tested by.
      deviations: over the seeds; empty where there is one.
      values: `[instances]` means over the seeds, by metric of an instance.
    """

    name: str
    seeds: Sequence[int]
    places: Sequence[str]
    metrics: Mapping[str, float]
    deviations: Mapping[str, float]
    values: Mapping[str, np.ndarray]


def over_seeds(
    tests: Sequence[Mapping[str, float]],
) -> tuple[dict[str, float], dict[str, float]]:
    """Means and standard deviations of test metrics over runs of a method.

    Args:
      tests: metrics of each run; those that all have count.

    Returns:
      Two values by metric; no deviations where there is one run.
    """
    shared = [key for key in tests[0] if all(key in test for test in tests)]
    values = {key: [test[key] for test in tests] for key in shared}
    deviations = {}
    if len(tests) > 1:
        deviations = {k: float(np.std(v, ddof=1)) for k, v in values.items()}
    return {k: float(np.mean(v)) for k, v in values.items()}, deviations


@dataclasses.dataclass(frozen=True)
class Pair:
    """What two methods differ in by one metric.

    Attributes:
      left: name of a method.
      right: of another, which is taken from it.
      metric: such as `hr@5`.
      difference: with its interval and p-value.
      corrected: the p-value by Holm, over all pairs and metrics.
    """

    left: str
    right: str
    metric: str
    difference: Difference
    corrected: float

    @property
    def is_real(self) -> bool:
        """Whether there is one, as far as this test can tell."""
        return self.corrected < LEVEL


@dataclasses.dataclass(frozen=True)
class Verdicts:
    """A comparison of methods.

    Attributes:
      methods: in the order in which their runs were named.
      metrics: by which they are compared.
      pairs: all of them, or those with the baseline.
      baseline: name of a method; "" for none.
      instances: how many the test has.
      users: whom they are of.
      remarks: sentences on what this comparison, other than all, shows.
    """

    methods: Sequence[Method]
    metrics: Sequence[str]
    pairs: Sequence[Pair]
    baseline: str
    instances: int
    users: int
    remarks: Sequence[str] = ()

    def pair(self, one: str, other: str, metric: str) -> Pair | None:
        """The pair of two methods, whichever is first; `None`: not tested."""
        found = (
            pair
            for pair in self.pairs
            if {pair.left, pair.right} == {one, other} and pair.metric == metric
        )
        return next(found, None)

    def level_with_best(self, metric: str) -> list[str]:
        """The best method by a metric, and those that it does not beat."""
        best = max(self.methods, key=lambda method: method.metrics[metric])
        names = [best.name]
        for method in self.methods:
            pair = self.pair(best.name, method.name, metric)
            if pair is not None and not pair.is_real:
                names.append(method.name)
        return names


def judge(
    methods: Sequence[Method],
    metrics: Sequence[str],
    baseline: str,
    users: np.ndarray,
) -> Verdicts:
    """Compares methods in pairs.

    Intervals and p-values are by user (`significance.differences`); Holm's
    correction is over all pairs and metrics.

    Args:
      methods: judged on the same instances.
      metrics: of instances, by which they are compared.
      baseline: name of the method that the others are held against; "": every
        method against every other one.
      users: `[instances]` whom they are of.
    """
    pairs = _pairs(methods, metrics, baseline, users)
    return Verdicts(
        methods, metrics, pairs, baseline, len(users), len(np.unique(users))
    )


def _pairs(
    methods: Sequence[Method],
    metrics: Sequence[str],
    baseline: str,
    users: np.ndarray,
) -> list[Pair]:
    tests = [
        (left, right, metric)
        for left, right in _sides(methods, baseline)
        for metric in metrics
    ]
    if not tests:
        return []
    gains = [
        left.values[metric] - right.values[metric]
        for left, right, metric in tests
    ]
    found = differences(np.stack(gains, axis=1), users)
    corrected = holm(np.array([one.p for one in found]))
    return [
        Pair(left.name, right.name, metric, one, float(p))
        for (left, right, metric), one, p in zip(
            tests, found, corrected, strict=True
        )
    ]


def _sides(
    methods: Sequence[Method], baseline: str
) -> Iterable[tuple[Method, Method]]:
    """Which methods are compared, the later one less the earlier one."""
    if not baseline:
        return [(b, a) for a, b in itertools.combinations(methods, 2)]
    (base,) = (method for method in methods if method.name == baseline)
    return [(method, base) for method in methods if method is not base]
