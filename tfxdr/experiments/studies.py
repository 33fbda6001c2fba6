"""All results of a folder of sweeps on one page: a table for each study."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from pathlib import Path

from tfxdr.errors import InputError
from tfxdr.experiments.comparing import by_method, compare
from tfxdr.experiments.finished_runs import JudgedRun, runs_in
from tfxdr.experiments.publications import agreement
from tfxdr.experiments.rules import beside, best_rule, best_rule_text
from tfxdr.experiments.worlds import means_table, over_worlds, world_of
from tfxdr.registry import Spec, datasets
from tfxdr.report.columns import widened
from tfxdr.report.comparison import method_table, notes, pair_table
from tfxdr.report.page import Code, Part, Report, Section, Table, Written
from tfxdr.report.run import peak_bytes
from tfxdr.report.story import listed
from tfxdr.report.table import format_seconds, metric_title

TITLE = "Results"  # of the page
COMMAND = "sweep.flags"  # by which a sweep is run again
_ANSWERS = ("ranks.npz", "predictions.npz")  # that can be held side by side


@dataclasses.dataclass(frozen=True)
class Study:
    """The runs of one sweep.

    Attributes:
      folder: of the sweep.
      runs: finished ones.
    """

    folder: Path
    runs: Sequence[JudgedRun]

    @property
    def name(self) -> str:
        return self.folder.name

    def groups(self) -> list[list[JudgedRun]]:
        """Runs whose tables can be one: they differ in the world at most."""
        found: dict[tuple, list[JudgedRun]] = {}
        for run in self.runs:
            found.setdefault(_kind(run), []).append(run)
        return list(found.values())


def find_studies(place: Path) -> list[Study]:
    """The folders at or below a place in which runs lie side by side.

    What a search tried is no study.

    Raises:
      InputError: there is no finished run.
    """
    folders = {path.parent.parent for path in place.rglob("metrics.json")}
    inner = [f for f in folders if f == place or f.parent.name != "search"]
    if not inner:
        raise InputError(
            f"--run: expected a folder of sweeps, found no finished run in "
            f"{place}"
        )
    return [
        Study(folder, [JudgedRun.open(path) for path in runs_in(folder)])
        for folder in sorted(inner)
    ]


def results(studies: Sequence[Study], kept: Sequence[Written] = ()) -> Report:
    """What studies came to, each with what it took and how to repeat it.

    Args:
      studies: whose runs are at hand.
      kept: what an earlier page tells of others.
    """
    sections: list[Section | Written] = [
        Section(study.name, tuple(_parts(study))) for study in studies
    ]
    sections = sorted((*sections, *kept), key=lambda section: section.title)
    return Report(
        TITLE,
        "A table for each sweep, with what it took and how to repeat it.",
        sections,
    )


def _kind(run: JudgedRun) -> tuple:
    """How a run was judged, but for the world."""
    if world_of(run) is None:
        return tuple(run.judged_by.items())
    judged = {
        name: value
        for name, value in run.judged_by.items()
        if name not in ("data", "split_seed")
    }
    return (str(_beyond_world(run)), *judged.items())


def _parts(study: Study) -> Iterable[Part]:
    yield f"{_amount(study.runs)} {_made_with(study.runs)}".rstrip()
    for runs in study.groups():
        yield _told_of(runs)
        several = len({run.judged_by["data"] for run in runs}) > 1
        yield from over_worlds(runs) if several else _of_one(runs)
    tuned = _tuned(study.folder)
    if tuned:
        yield "A search by validation, alike for all, chose these options:"
        yield Table(("flagfile", "options"), tuned, left=2)
    command = study.folder / COMMAND
    if command.is_file():
        yield "It is run again by a flagfile that holds:"
        yield Code(command.read_text(encoding="utf-8").strip())


def _tuned(folder: Path) -> list[tuple[str, str]]:
    """What the search of a sweep chose, by the name of the flagfile."""
    return [
        (path.parent.name, " ".join(_options(path)))
        for path in sorted(folder.glob("search/*/best.flags"))
    ]


def _options(path: Path) -> list[str]:
    lines = path.read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line.startswith("--")]


def _amount(runs: Sequence[JudgedRun]) -> str:
    """How many runs, and what they took."""
    seconds = sum(
        stage["seconds"]
        for run in runs
        for stage in run.result["cost"].values()
    )
    count = f"{len(runs)} {'run' if len(runs) == 1 else 'runs'}"
    peak = max(peak_bytes(run.result) for run in runs) / 2**30
    return f"{count}, {format_seconds(seconds)} in all, {peak:.2f} GiB at most."


def _made_with(runs: Sequence[JudgedRun]) -> str:
    kinds = {
        ", ".join(f"{name} {number}" for name, number in versions.items())
        for versions in (run.result.get("versions", {}) for run in runs)
        if versions
    }
    return f"Made with {'; '.join(sorted(kinds))}." if kinds else ""


def _told_of(runs: Sequence[JudgedRun]) -> str:
    """What the runs of a table share."""
    first = runs[0]
    monitor = metric_title(first.result["protocol"]["monitor"])
    counts = first.result["data"]["counts"]
    backbones = listed(
        list(dict.fromkeys(run.result["backbone"] for run in runs))
    )
    share = float(first.options.get("train_fraction", 1))
    scarce = "" if share == 1 else f", {share:.0%} of its training data"
    return (
        f"{_data_of(runs)}{scarce}: {counts['users']:,} users; "
        f"{backbones}; split: {first.result['protocol'].get('split')}; the "
        f"epoch was picked by {monitor} of the validation split."
    )


def _data_of(runs: Sequence[JudgedRun]) -> str:
    """The data set, without folders; of several worlds, without their seed."""
    worlds = list(dict.fromkeys(map(world_of, runs)))
    if len(worlds) == 1:
        return str(_without_folders(datasets.parse(runs[0].result["dataset"])))
    return f"{_beyond_world(runs[0])}, worlds {listed(list(map(str, worlds)))}"


def _without_folders(spec: Spec) -> Spec:
    """Files by their names: where they lay is of no use to a reader."""
    options = {
        name: Path(value).name if isinstance(value, str) else value
        for name, value in spec.options.items()
    }
    return dataclasses.replace(spec, options=options)


def _beyond_world(run: JudgedRun) -> Spec:
    """The data set that worlds share."""
    spec = datasets.parse(run.options["dataset"])
    options = {k: v for k, v in spec.options.items() if k != "seed"}
    return dataclasses.replace(spec, options=options)


def _of_one(runs: Sequence[JudgedRun]) -> Iterable[Part]:
    """Methods on one split, with seeds."""
    if not any((runs[0].path / name).is_file() for name in _ANSWERS):
        yield from _unpaired(runs)
        return
    rule = best_rule(runs)
    found = compare(runs, baseline=rule)
    told = beside(by_method(runs))
    yield Table(*widened(*method_table(found), told))
    if rule:
        yield best_rule_text(rule)
    yield from notes(found)
    if found.pairs:
        yield Table(*pair_table(found), left=3)
    yield from agreement(runs)


def _unpaired(runs: Sequence[JudgedRun]) -> Iterable[Part]:
    """Methods whose single answers are no rankings."""
    methods = by_method(runs)
    tests = {
        name: [run.result["test"] for run in own]
        for name, own in methods.items()
    }
    metrics = list(runs[0].result["test"])
    yield means_table(tests, metrics, beside(methods), "seeds")
    yield "Means over seeds with their standard deviation; nothing is tested."
