"""Methods over several worlds of generated data."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from tfxdr.datasets.base import Source
from tfxdr.evaluation.comparison import over_seeds
from tfxdr.evaluation.worlds import WorldGap, gaps_over_worlds
from tfxdr.experiments.comparing import by_method
from tfxdr.experiments.finished_runs import JudgedRun
from tfxdr.experiments.rules import (
    beside,
    best_rule,
    best_rule_text,
    is_told,
)
from tfxdr.registry import datasets
from tfxdr.registry.metric_names import at_cutoff
from tfxdr.report.columns import widened
from tfxdr.report.page import Part, Table
from tfxdr.report.table import metric_title, with_deviation

Values = Mapping[str, Mapping[int, Mapping[str, float]]]


def over_worlds(runs: Sequence[JudgedRun]) -> Iterable[Part]:
    """A table of methods, and each against the best rule.

    Args:
      runs: of methods in worlds, judged alike but for the world.
    """
    methods = by_method(runs)
    cutoff = int(runs[0].options["top_n"].split(",")[0])
    metrics = at_cutoff(runs[0].result["test"], cutoff)
    told = next((n for n, own in methods.items() if is_told(own[0])), "")
    rule = best_rule(runs)
    values = {name: _by_world(own) for name, own in methods.items()}
    more = beside(methods)
    for name, shares in _recovered(values, rule, told, metrics[0]).items():
        text = f"{np.mean(shares):.2f} ({np.min(shares):.2f})"
        more[name] = {"recovered": text, **more[name]}
    tests = {name: list(worlds.values()) for name, worlds in values.items()}
    yield means_table(tests, metrics, more, "worlds")
    yield (
        "Mean and standard deviation over worlds, each with data, split and "
        "seed of its own."
    )
    ceilings = _ceilings(runs)
    if ceilings:
        yield f"With a world's true parameters one would reach {ceilings}."
    if not rule:
        return
    yield best_rule_text(rule)
    if told:
        yield (
            f"Recovered is the share of what lies between {rule} and {told} "
            f"in a world, by {metric_title(metrics[0])}: mean, and least."
        )
    gaps = gaps_over_worlds(values, metrics, rule)
    if gaps:
        yield _gap_table(gaps)


def means_table(
    tests: Mapping[str, Sequence[Mapping[str, float]]],
    metrics: Sequence[str],
    more: Mapping[str, Mapping[str, str]],
    counted: str,
) -> Table:
    """Methods with means and deviations, and what else is known of them.

    Args:
      tests: metrics of each seed or world, by method.
      metrics: keys of those that are shown.
      more: as of `beside`.
      counted: what is counted: worlds or seeds.
    """
    rows = []
    for name, own in tests.items():
        means, deviations = over_seeds(own)
        cells = [
            with_deviation(means[key], deviations.get(key))
            if key in means
            else ""
            for key in metrics
        ]
        rows.append([name, str(len(own)), *cells])
    titles = ["method", counted, *map(metric_title, metrics)]
    return Table(*widened(titles, rows, more))


def _by_world(runs: Sequence[JudgedRun]) -> dict[int, Mapping[str, float]]:
    """Metrics of the test by world; a mean where it has several runs."""
    found: dict[int, list[Mapping[str, float]]] = {}
    for run in runs:
        world = world_of(run)
        assert world is not None  # or its data would be one
        found.setdefault(world, []).append(run.result["test"])
    return {world: over_seeds(tests)[0] for world, tests in found.items()}


def world_of(run: JudgedRun) -> int | None:
    """The seed of generated data; `None` for others."""
    seed = datasets.parse(run.options["dataset"]).resolved().get("seed")
    return None if seed is None else int(str(seed))


def _ceilings(runs: Sequence[JudgedRun]) -> str:
    """Means over worlds, in words; "" of data that know none."""
    worlds = dict.fromkeys(run.options["dataset"] for run in runs)
    made = datasets.parse(runs[0].options["dataset"]).entry.factory
    if getattr(made, "ceilings", None) in (None, Source.ceilings):
        return ""  # and files that it reads may be elsewhere
    found = [datasets.build(spec).ceilings() for spec in worlds]
    return ", ".join(
        f"{np.mean([one[name] for one in found]):.4f} ({name})"
        for name in found[0]
    )


def _recovered(
    values: Values,
    rule: str,
    told: str,
    metric: str,
) -> dict[str, list[float]]:
    """Of each method and world, how much of the head-room it has."""
    if not (rule and told):
        return {}
    found: dict[str, list[float]] = {}
    for name, worlds in values.items():
        for world in sorted({*worlds} & {*values[rule]} & {*values[told]}):
            low = values[rule][world][metric]
            room = values[told][world][metric] - low
            if room > 0:
                share = (worlds[world][metric] - low) / room
                found.setdefault(name, []).append(share)
    return found


def _gap_table(gaps: Sequence[WorldGap]) -> Table:
    titles = (
        *("method", "against", "metric", "difference", "95% interval"),
        *("above in", "p (Holm)"),
    )
    rows = [
        [
            *(gap.left, gap.right, metric_title(gap.metric)),
            f"{gap.mean:+.4f}",
            f"{gap.low:+.4f} to {gap.high:+.4f}",
            f"{gap.above} of {gap.worlds}",
            f"{gap.p:.2g}",
        ]
        for gap in gaps
    ]
    return Table(titles, rows, left=3)
