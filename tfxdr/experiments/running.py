"""Running what an experiment compares, one contender after the other."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path

from tfxdr.experiments.base import Experiment
from tfxdr.experiments.components import flagfile
from tfxdr.experiments.run_folder import RunFolder, folder_names
from tfxdr.files import write_text
from tfxdr.registry import Spec
from tfxdr.report.run import compare_actions, result_row
from tfxdr.report.table import Row, to_csv, to_markdown


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What was run.

    Attributes:
      folders: of each component's run.
      rows: of the table of results: baselines, then the runs.
    """

    folders: Mapping[Spec, RunFolder]
    rows: Sequence[Row]


def run_all(experiment: Experiment, path: Path, *, resume: bool) -> Outcome:
    """Trains and tests every component, and writes the table of results.

    A run that is finished is not trained again.

    Args:
      experiment: has data and options.
      path: the folder of the run; of several, each has one below it.
      resume: go on with what is there.

    Raises:
      InputError: options do not fit the data, or another run is in the way.
      TrainingError: a loss is not finite, or memory runs out.
    """
    specs = experiment.specs
    experiment.describe()
    experiment.check(specs)
    base = RunFolder(path)
    start(experiment, base, resume=resume)
    rows = experiment.baseline_rows()
    folders, results = _folders(base, specs), []
    for spec, folder in folders.items():
        results.append(_run_one(experiment, spec, folder))
        rows = [row for row in rows if row.name != str(spec)]
        rows.append(result_row(str(spec), results[-1]))
    compare_actions(results, path)
    kind = experiment.kind.kind
    write_text(path / "results.md", to_markdown(rows, name_title=kind))
    write_text(path / "results.csv", to_csv(rows, name_title=kind))
    return Outcome(folders, rows)


def start(experiment: Experiment, folder: RunFolder, *, resume: bool) -> None:
    """Makes the folder of a run, or takes up the run that it holds."""
    folder.start(
        flagfile(experiment.options),
        resume=resume,
        overwrite=experiment.options.run.overwrite,
        say=experiment.progress.say,
    )


def _folders(base: RunFolder, specs: Sequence[Spec]) -> dict[Spec, RunFolder]:
    if len(specs) == 1:
        return {specs[0]: base}
    names = folder_names(specs)
    return {spec: RunFolder(base.path / names[spec]) for spec in specs}


def _run_one(experiment: Experiment, spec: Spec, folder: RunFolder) -> dict:
    options = flagfile(experiment.options_of(spec))
    say = experiment.progress.say
    if not folder.flags.is_file():
        folder.start(options, resume=False, overwrite=False, say=say)
    if folder.finished:
        say(f"{folder.path}: this run is finished already")
        return folder.read()
    say(f"run: {folder.path}")
    return experiment.contender(spec, folder).run()
