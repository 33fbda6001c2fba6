"""How far runs agree with the publication whose figures they name."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence

from tfxdr.evaluation.comparison import Verdicts
from tfxdr.experiments.comparing import by_method, compare
from tfxdr.experiments.finished_runs import JudgedRun
from tfxdr.report.story import listed
from tfxdr.report.table import metric_title


def agreement(runs: Sequence[JudgedRun]) -> Iterable[str]:
    """How far runs order methods as the publication does that they name.

    Each pair of methods with published figures is tested, by each metric.
    """
    methods = by_method(runs)
    known = {name: own[0].published for name, own in methods.items()}
    keys = dict.fromkeys(key for figures in known.values() for key in figures)
    for key in keys:
        named = [name for name, figures in known.items() if key in figures]
        if len(named) < 2 or key not in runs[0].instances.values:
            continue
        own = [run for name in named for run in methods[name]]
        figures = {name: float(known[name][key]) for name in named}
        yield _order(compare(own, metrics=[key]), key, figures)


def _order(found: Verdicts, key: str, published: Mapping[str, float]) -> str:
    agrees, level, turned = 0, 0, []
    for one, other in itertools.permutations(published, 2):
        if published[one] <= published[other]:
            continue
        pair = found.pair(one, other, key)
        assert pair is not None
        gain = pair.difference.mean * (1 if pair.left == one else -1)
        if not pair.is_real:
            level += 1
        elif gain > 0:
            agrees += 1
        else:
            turned.append(f"{one} over {other}")
    text = (
        f"Of the {agrees + level + len(turned)} pairs that the publication "
        f"orders by {metric_title(key)}, {agrees} come out so, {level} are "
        f"level here and {len(turned)} are the other way round"
    )
    return f"{text}: not {listed(turned)}." if turned else f"{text}."
