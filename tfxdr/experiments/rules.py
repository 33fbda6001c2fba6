"""What methods decide, and the best of those that decide the same for all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from tfxdr.experiments.comparing import by_method
from tfxdr.experiments.finished_runs import JudgedRun
from tfxdr.registry import meta_learners, policies
from tfxdr.registry.metric_names import rising
from tfxdr.report.table import format_seconds, metric_title

_DECISIONS = ("actions.npz", "behavior_weights.npz")  # what a run leaves


def best_rule_text(rule: str) -> str:
    return (
        f"{rule} is the best by validation of those that decide nothing user "
        "by user: others are held against it."
    )


def best_rule(runs: Sequence[JudgedRun]) -> str:
    """The method that decides the same for all users and validates best.

    Returns:
      Its name; "" if every method that was trained decides user by user.
    """
    values = {
        name: float(np.mean([_validation(run) for run in own]))
        for name, own in by_method(runs).items()
        if "validation" in own[0].result
        and not _decides(own[0])
        and not is_told(own[0])
    }
    return max(values, key=lambda name: values[name], default="")


def _decides(run: JudgedRun) -> bool:
    """Whether it treats users, or their behaviors, in their own ways."""
    return any((run.path / name).is_file() for name in _DECISIONS)


def is_told(run: JudgedRun) -> bool:
    """Whether its component knows what others have to find out."""
    registry = meta_learners if "meta" in run.result else policies
    if run.component.partition("(")[0] not in registry:
        return False  # of a plugin that is not at hand
    factory = registry.parse(run.component).entry.factory
    return bool(getattr(factory, "is_told", False))


def _validation(run: JudgedRun) -> float:
    monitor = run.result["protocol"]["monitor"]
    return rising(monitor, run.result["validation"][monitor])


def beside(
    methods: Mapping[str, Sequence[JudgedRun]],
) -> dict[str, dict[str, str]]:
    """What stands beside each method's metrics, by title of the column.

    The AUC is that of the better block, or of behaviors' weights, against what
    should be decided, where the data say it.
    """
    return {
        name: published_cells(runs[0]) | _decisions(runs) | _effort(runs)
        for name, runs in methods.items()
    }


def published_cells(run: JudgedRun) -> dict[str, str]:
    """Figures of a publication, by title of the column."""
    return {
        f"{metric_title(key)} published": value
        for key, value in run.published.items()
    }


def _decisions(runs: Sequence[JudgedRun]) -> dict[str, str]:
    decided = [
        run.result.get("actions", run.result.get("behaviors", {}))
        for run in runs
    ]
    cells = {}
    rates = [np.mean(one["rates"]) for one in decided if "rates" in one]
    if rates:
        cells["tuned"] = f"{np.mean(rates):.2f}"
    aucs = [one["auc"] for one in decided if "auc" in one]
    if aucs:
        cells["AUC, mean (least)"] = f"{np.mean(aucs):.3f} ({min(aucs):.3f})"
    collapsed = sum(one.get("collapsed", False) for one in decided)
    if collapsed:
        cells["collapsed"] = f"{collapsed} of {len(decided)}"
    return cells


def _effort(runs: Sequence[JudgedRun]) -> dict[str, str]:
    if not all("validation" in run.result for run in runs):
        return {}
    trained = [run.result["validation"] for run in runs]
    return {
        "best epoch": f"{np.mean([one['best_epoch'] for one in trained]):.0f}",
        "time": format_seconds(np.mean([one["seconds"] for one in trained])),
    }
