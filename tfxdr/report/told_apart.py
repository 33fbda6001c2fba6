"""How methods treat groups that `--explain_by` names."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from tfxdr.evaluation.comparison import over_seeds
from tfxdr.report.page import Part, Table
from tfxdr.report.table import with_deviation


def told_apart(
    methods: Mapping[str, Sequence[Mapping]], by: str
) -> Iterable[Part]:
    """Parts of a report; none if no run tells of groups.

    Args:
      methods: `metrics.json` of the runs of each, one for each seed; those
        that tell of no groups are left out.
      by: what names the groups.

    Yields:
      What the table shows, and the table: means over the seeds with their
      deviation.
    """
    found = {
        name: over_seeds([_by_group(result) for result in results])
        for name, results in methods.items()
        if all(map(_by_group, results))
    }
    if not found:
        return
    yield (
        f"Groups by --explain_by={by}: the share of tuned blocks of each group "
        "of users, or the mean weight of each group of source behaviors, where "
        "1 is the average. AUC: how well a policy's best block, or the "
        "weights, tell the groups apart; 0.5 is by chance."
    )
    keys = list(dict.fromkeys(k for means, _ in found.values() for k in means))
    rows = []
    for name, (means, deviations) in found.items():
        cells = [
            with_deviation(means[key], deviations.get(key))
            if key in means
            else ""
            for key in keys
        ]
        rows.append([name, *cells])
    yield Table(["method", *keys], rows)


def _by_group(result: Mapping) -> dict[str, float]:
    """What a run tells of groups; nothing if it tells of none."""
    decided = result.get("actions", result.get("behaviors", {}))
    known = {"AUC": decided["auc"]} if "auc" in decided else {}
    return known | decided.get("by_group", {})
