"""The Python way: a run and its answers, without a command line.

The options are those of the command line by the same names, and so are caches
and run folders: what one has trained, the other finds.
"""

from __future__ import annotations

import dataclasses
import inspect
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tfxdr.experiments.components import chosen_specs, with_names_of_metrics
from tfxdr.experiments.start import import_components, opened, reopened
from tfxdr.options import Options
from tfxdr.options.named import options_from, signature
from tfxdr.registry import plugins
from tfxdr.start_up import keras_as_it_comes

if TYPE_CHECKING:
    from tfxdr.data.prepared import PreparedData
    from tfxdr.datasets.base import Source
    from tfxdr.experiments.results import Comparison, FinishedRun
    from tfxdr.training.progress import Progress


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
    import_components()
    from tfxdr.experiments.given import resolve
    from tfxdr.experiments.results import Comparison
    from tfxdr.experiments.run_folder import RunFolder
    from tfxdr.experiments.run_names import default_folder
    from tfxdr.experiments.running import compared, experiment_for, run_all

    progress = _progress()
    given = resolve(data, options, options_from, progress.say)
    chosen = _ready(options_from(given.options))
    with keras_as_it_comes():
        names = [spec.name for spec in compared(chosen)]
        base = RunFolder(Path(chosen.run.run or default_folder(chosen, names)))
        with base.held():
            # Where nothing is there to go on with, nothing has to be said.
            resume = not chosen.run.overwrite and base.flags.is_file()
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
    place.read()
    text = place.flags.read_text(encoding="utf-8")
    options = _ready(Options.from_flagfile(text, str(place.flags)))
    progress = _progress()
    with keras_as_it_comes():
        experiment = reopened(options, place, progress)
        return FinishedRun(opened(place, experiment, progress.say))


def _ready(options: Options) -> Options:
    """With all plugins loaded, and all names checked."""
    plugins.load_plugins(options.run.plugins)
    options = with_names_of_metrics(options)
    tuple(chosen_specs(options))
    return options


def _resumed(options: Options, resume: bool) -> Options:
    run = dataclasses.replace(options.run, resume=resume)
    return dataclasses.replace(options, run=run)


def _progress() -> Progress:
    """Bars on a terminal; plain lines in a notebook and elsewhere."""
    from rich.console import Console

    from tfxdr.training.progress import Progress

    return Progress(
        Console(
            file=sys.stdout,
            force_jupyter=False,
            highlight=False,
            soft_wrap=True,
        )
    )


# What an editor or a notebook completes and shows.
run.__signature__ = signature(  # type: ignore[attr-defined]
    inspect.Parameter("data", inspect.Parameter.POSITIONAL_ONLY, default=None),
    returns="Comparison",
)
