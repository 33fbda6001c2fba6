"""Which of several methods is better, judged on finished runs."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

import numpy as np

from tfxdr.errors import InputError, did_you_mean
from tfxdr.evaluation.comparison import Method, Verdicts, judge, over_seeds
from tfxdr.experiments.finished_runs import JudgedRun
from tfxdr.experiments.run_folder import FREE
from tfxdr.experiments.whereabouts import INPUTS
from tfxdr.registry.metric_names import at_cutoff

# Options in which runs of one method may differ, or that its name says.
_NOT_OF_METHOD = {
    *(*FREE, *INPUTS, "seed", "split_seed"),
    *("policy", "meta", "explain_by", "published"),
}


def compare(
    runs: Sequence[JudgedRun],
    *,
    metrics: Sequence[str] = (),
    baseline: str = "",
) -> Verdicts:
    """Compares methods by their runs, in pairs.

    Each instance has the mean of its values over a method's seeds.

    Args:
      runs: finished ones.
      metrics: such as `hr@5`; by default those at the first of `--top_n`.
      baseline: name of the method that the others are held against; by
        default every method against every other one.

    Raises:
      InputError: runs were not judged alike, or a name is unknown.
    """
    check_alike(runs)
    methods = [_method(name, own) for name, own in by_method(runs).items()]
    first = runs[0].instances
    cutoff = int(runs[0].options["top_n"].split(",")[0])
    metrics = list(metrics) or at_cutoff(first.values, cutoff)
    for metric in metrics:
        if metric not in first.values:
            raise InputError(
                f"--compare_by: expected metrics of {runs[0].path}, some of "
                f"{', '.join(first.values)}, found {metric!r}"
            )
    names = [method.name for method in methods]
    if baseline and baseline not in names:
        raise InputError(
            f"--baseline: expected one of {', '.join(names)}, found "
            f"{baseline!r}{did_you_mean(baseline, names)}"
        )
    return judge(methods, metrics, baseline, first.user)


def check_alike(runs: Sequence[JudgedRun]) -> None:
    """Refuses runs that were not judged alike.

    Raises:
      InputError: names the first difference.
    """
    first = runs[0]
    for run in runs[1:]:
        before, now = first.judged_by, run.judged_by
        for name in {**before, **now}:
            if before.get(name) != now.get(name):
                raise InputError(
                    f"--run: {first.path} and {run.path} cannot be compared: "
                    f"their {name} differs, {before.get(name)} and "
                    f"{now.get(name)}; train one of them as the other"
                )
        if not first.instances.same_as(run.instances):
            raise InputError(
                f"--run: {first.path} and {run.path} cannot be compared: they "
                "were tested on different instances; train one of them anew"
            )


def by_method(
    runs: Sequence[JudgedRun],
) -> dict[str, list[JudgedRun]]:
    """Runs of each method: they differ in seed and world alone."""
    groups: dict[tuple, list[JudgedRun]] = {}
    for run in runs:
        key = (run.component, *sorted(_own_options(run).items()))
        groups.setdefault(key, []).append(run)
    names = names_of([group[0] for group in groups.values()])
    return dict(zip(names, groups.values(), strict=True))


def _own_options(run: JudgedRun) -> dict[str, str]:
    return {k: v for k, v in run.options.items() if k not in _NOT_OF_METHOD}


def names_of(runs: Sequence[JudgedRun]) -> list[str]:
    """Of one run of each method: its component, and what tells it from others
    of that component."""
    alike: dict[str, list[dict[str, str]]] = {}
    for run in runs:
        alike.setdefault(run.component, []).append(_own_options(run))
    return [
        " ".join([run.component, *_differing(run, alike[run.component])])
        for run in runs
    ]


def _differing(
    run: JudgedRun, alike: Sequence[dict[str, str]]
) -> Iterator[str]:
    """Options of a run that methods of its component do not share."""
    own = _own_options(run)
    for key in dict.fromkeys(itertools.chain(*alike)):
        if len({options.get(key) for options in alike}) > 1:
            yield f"--{key}={own.get(key)}"


def _method(name: str, runs: Sequence[JudgedRun]) -> Method:
    seeds = [run.seed for run in runs]
    if len(set(seeds)) < len(seeds):
        places = ", ".join(str(run.path) for run in runs)
        raise InputError(
            f"--run: expected runs of {name} with different seeds, found two "
            f"of one among {places}; name one of them"
        )
    means, deviations = over_seeds([run.result["test"] for run in runs])
    answers = [run.instances.values for run in runs]
    return Method(
        name,
        seeds,
        [str(run.path) for run in runs],
        means,
        deviations,
        {
            key: np.mean([one[key] for one in answers], axis=0)
            for key in answers[0]
        },
    )
