"""The Python way: a run and its answers, without a command line.

The options are those of the command line by the same names, and so are caches
and run folders: what one has trained, the other finds.
"""

from __future__ import annotations

import dataclasses
import inspect
import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tfxdr.experiments.start import (
    distributed,
    finished_run,
    import_components,
    mixed_precision,
    plain_progress,
    ready,
)
from tfxdr.options import Options
from tfxdr.options.named import group_from, options_from, signature
from tfxdr.start_up import keep_freed_memory, keras_as_it_comes

if TYPE_CHECKING:
    from tfxdr.data.prepared import PreparedData
    from tfxdr.datasets.base import Source
    from tfxdr.experiments.compared_methods import ComparedMethods, Runs
    from tfxdr.experiments.results import Comparison, FinishedRun


def run(
    data: PreparedData | Source | str | None = None, /, **options: Any
) -> Comparison:
    """Trains and tests what the options name, or finds that it is done.

    Args:
      data: from `tfxdr.prepare`, a source, or the text of one as `--dataset`
        takes it; by default the option `dataset`.
      **options: as on the command line, by the same names and with the same
        defaults: `tfxdr.run(data, policy=["zero", "gumbel"], epochs=20)`.
        Several components are a list or a text with commas. A run that is
        there goes on, or is finished; `overwrite=True` replaces it.

    Returns:
      The runs, one for each component, with their table.

    Raises:
      InputError: an option is unknown, or does not fit; names it.
      TrainingError: a loss is not finite, or memory runs out.
    """
    keep_freed_memory()
    import_components()
    from tfxdr.experiments.given import resolve
    from tfxdr.experiments.results import Comparison
    from tfxdr.experiments.run_names import default_folder
    from tfxdr.experiments.running import compared, experiment_for, run_all
    from tfxdr.experiments.warm_start_source import with_source

    progress = plain_progress()
    given = resolve(data, options, options_from, progress.say)
    chosen = ready(options_from(given.options))
    devices = distributed(chosen, in_python=True)
    with keras_as_it_comes(), devices, mixed_precision(chosen):
        names = [spec.name for spec in compared(chosen)]
        goes_on = not chosen.run.overwrite
        chosen, base = with_source(
            chosen,
            lambda found: Path(found.run.run or default_folder(found, names)),
            resume=goes_on,
        )
        with base.held():
            # Where nothing is there to go on with, nothing has to be said.
            resume = goes_on and base.flags.is_file()
            experiment = experiment_for(
                _resumed(chosen, resume),
                base,
                resume=resume,
                progress=progress,
                data=given.data,
            )
            outcome = run_all(experiment, base, resume=resume)
    return Comparison(experiment, outcome, base.path)


def open_run(folder: str | os.PathLike[str]) -> FinishedRun:
    """A finished run, as `tfxdr.run` or the command line left it.

    Args:
      folder: of the run.

    Raises:
      InputError: it holds no finished run, or the data are gone.
    """
    import_components()
    from tfxdr.experiments.results import FinishedRun
    from tfxdr.experiments.run_folder import RunFolder

    place = RunFolder(Path(folder).expanduser())
    with keras_as_it_comes():
        return FinishedRun(finished_run(place, plain_progress()))


def compare(
    runs: Runs, metrics: str | Sequence[str] = (), baseline: str = ""
) -> ComparedMethods:
    """Which methods differ, judged on finished runs.

    Runs that differ in the seed alone are one method; how methods are tested
    against each other stands in `docs/comparing.md`.

    Args:
      runs: folders of runs, or patterns such as `"runs/*"`; what `tfxdr.run`
        and `tfxdr.open_run` return; or several of these.
      metrics: such as `hr@5`; by default those at the first of `top_n`.
      baseline: name of the method that the others are held against; by
        default every method against every other one.

    Raises:
      InputError: runs are not there or were not judged alike, or a name is
        unknown.
    """
    import_components()
    from tfxdr.experiments import comparing
    from tfxdr.experiments.compared_methods import ComparedMethods, judged_runs
    from tfxdr.options.answers import Compare

    chosen = group_from(Compare, {"compare_by": metrics, "baseline": baseline})
    assert isinstance(chosen, Compare)
    found = comparing.compare(
        judged_runs(runs), metrics=chosen.compare_by, baseline=chosen.baseline
    )
    return ComparedMethods(**vars(found))


def headroom(runs: Runs) -> ComparedMethods:
    """Whether there was anything to route between two finished runs.

    Their ensemble, and a router that picks one of the two for each user, are
    held against the better of the two; `docs/comparing.md` says how.

    Args:
      runs: two, as of `tfxdr.compare`, such as those of `cls` and `all`.

    Returns:
      Tables as of `tfxdr.compare`; `remarks` begin with the verdict.

    Raises:
      InputError: there are not two, they were not judged alike, or do not rank
        by a trained sequential model.
    """
    import_components()
    from tfxdr.experiments import headroom
    from tfxdr.experiments.compared_methods import ComparedMethods, judged_runs

    with keras_as_it_comes():
        found = headroom.headroom(judged_runs(runs), plain_progress())
    return ComparedMethods(**vars(found))


def write_report(
    runs: Runs, output: str | os.PathLike[str], baseline: str = ""
) -> Path:
    """Writes what finished runs show as one page.

    Args:
      runs: as of `tfxdr.compare`; they need not be judged alike.
      output: a `.html` file that needs nothing else, or a `.md` file.
      baseline: name of the method that the others are held against.

    Returns:
      The file.

    Raises:
      InputError: there is no such run, or the file cannot be written.
    """
    import_components()
    from tfxdr.experiments import reporting
    from tfxdr.experiments.compared_methods import judged_runs

    path = Path(output).expanduser()
    with keras_as_it_comes():
        reporting.write_report(
            judged_runs(runs),
            path,
            baseline=baseline,
            progress=plain_progress(),
        )
    return path


def _resumed(options: Options, resume: bool) -> Options:
    run = dataclasses.replace(options.run, resume=resume)
    return dataclasses.replace(options, run=run)


# What an editor or a notebook completes and shows.
run.__signature__ = signature(  # type: ignore[attr-defined]
    inspect.Parameter("data", inspect.Parameter.POSITIONAL_ONLY, default=None),
    returns="Comparison",
)
