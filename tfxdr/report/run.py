"""What a run leaves for a reader: its row, its pictures."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import numpy as np

from tfxdr.evaluation import (
    Actions,
    BehaviorWeights,
    action_metrics,
    behavior_metrics,
    collapse_warning,
    equal_weights,
)
from tfxdr.evaluation.comparison import over_seeds
from tfxdr.evaluation.groups import Groups
from tfxdr.report.table import Row


def result_row(name: str, results: Sequence[Mapping]) -> Row:
    """A line of the results table from `metrics.json`, one for each seed.

    Metrics are means over the seeds, with their standard deviation; the time
    is a mean too, that of pre-training, wherever it was done, and of training;
    of a baseline, that of counting and its test.
    """
    means, deviations = over_seeds([result["test"] for result in results])
    return Row(
        name,
        means,
        float(np.mean([_seconds(result) for result in results])),
        max(map(peak_bytes, results)),
        deviations,
    )


def _seconds(result: Mapping) -> float:
    trained = [result[s] for s in ("pretrain", "validation") if s in result]
    return sum(s["seconds"] for s in trained or result["cost"].values())


def peak_bytes(result: Mapping) -> int:
    """The largest resident memory of a run's stages, from `metrics.json`."""
    return max(s["peak_bytes_so_far"] for s in result["cost"].values())


def show_actions(
    actions: Actions,
    users: Sequence[str],
    folder: Path,
    label: str,
    say: Callable[[str], None],
    groups: Groups | None = None,
) -> dict[str, object]:
    """Stores and draws what a policy decided for the test users.

    Args:
      actions: of these users.
      users: their names.
      folder: of the run.
      label: of the policy.
      say: called with a warning, if all users get the same.
      groups: of all users, whose decisions are told apart.

    Returns:
      What `metrics.json` tells about them.
    """
    from tfxdr.report.figures import save_figure
    from tfxdr.report.policies import (
        user_choices,
        utilization_by_length,
        utilization_heatmap,
    )
    from tfxdr.report.tensorboard import write_images

    actions.save(folder / "actions.npz")
    figures = {
        "utilization": utilization_heatmap({label: actions.rates}),
        "utilization_by_length": utilization_by_length(actions),
        "user_choices": user_choices(actions, users),
    }
    warning = collapse_warning(actions)
    if warning:
        say(f"warning: {warning}")
    for name, figure in figures.items():
        if warning:
            figure.suptitle("collapsed: all users get the same", fontsize=9)
        save_figure(figure, folder / f"{name}.png")
    write_images(folder / "tensorboard", figures)
    metrics = {
        key.partition("/")[2]: value
        for key, value in action_metrics(actions).items()
    }
    shown: dict[str, object] = {
        "rates": actions.rates.tolist(),
        "collapsed": bool(warning),
    }
    if groups is not None:
        aucs = actions.block_aucs(groups)
        shown |= {"block_aucs": aucs, "auc": max(aucs)} if aucs else {}
        rates = actions.rates_by_group(groups)
        shown["by_group"] = {k: float(v.mean()) for k, v in rates.items()}
    return metrics | shown


def show_behaviors(
    weights: BehaviorWeights,
    categories: np.ndarray,
    folder: Path,
    say: Callable[[str], None],
    groups: Groups | None = None,
) -> dict[str, object]:
    """Stores and draws what a meta-learner makes of source behaviors.

    Args:
      weights: of the test users.
      categories: `[behaviors]` texts, "" where unknown.
      folder: of the run.
      say: called with a note, if all count the same.
      groups: of all source items, whose weights are told apart.

    Returns:
      What `metrics.json` tells about them.
    """
    from tfxdr.report.behaviors import weight_histogram
    from tfxdr.report.figures import save_figure
    from tfxdr.report.tensorboard import write_images

    weights.save(folder / "behavior_weights.npz")
    labels = np.where(categories == "", "unknown category", categories)
    relative = weights.relative()
    note = equal_weights(relative)
    if note:
        say(f"note: {note}")
    figure = weight_histogram(relative, labels)
    save_figure(figure, folder / "behavior_weights.png")
    write_images(folder / "tensorboard", {"behavior_weights": figure})
    shown: dict[str, object] = {
        key.partition("/")[2]: value
        for key, value in behavior_metrics(weights).items()
    }
    if groups is not None:
        value = weights.auc_of(groups)
        shown |= {} if value is None else {"auc": value}
        shown["by_group"] = weights.means_by_group(groups)
    return shown


def compare_actions(results: Sequence[Mapping], folder: Path) -> None:
    """Draws the rates of tuned blocks of several runs, if they have any."""
    rates = {
        result["policy"]: result["actions"]["rates"]
        for result in results
        if "actions" in result
    }
    if rates:
        from tfxdr.report.figures import save_figure
        from tfxdr.report.policies import utilization_heatmap

        save_figure(utilization_heatmap(rates), folder / "utilization.png")
