"""From a command line to a finished run."""

from __future__ import annotations

import functools
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from tfxdr.errors import InputError
from tfxdr.experiments.components import flagfile
from tfxdr.experiments.start import distributed as distributed
from tfxdr.experiments.start import import_components as import_components
from tfxdr.experiments.start import make_experiment as make_experiment
from tfxdr.experiments.start import mixed_precision as mixed_precision
from tfxdr.experiments.start import opened, reopened
from tfxdr.options import Options
from tfxdr.options.settings import settings_of

if TYPE_CHECKING:
    from tfxdr.experiments.contender import Contender
    from tfxdr.training.progress import Progress


def finished(options: Options) -> Contender:
    """The run that `--run` names.

    Raises:
      InputError: There is none, or it was made with other options.
    """
    from tfxdr.experiments.run_folder import FREE, RunFolder
    from tfxdr.experiments.whereabouts import INPUTS

    why = f"--mode={options.run.mode}"
    if not options.run.run:
        raise InputError(f"{why}: expected --run=FOLDER of a finished run")
    folder = RunFolder(Path(options.run.run))
    folder.read()
    # Of other inputs, `check_data` compares the content.
    free = (*FREE, *INPUTS, *settings_of(type(options.evaluate)))
    folder.check(flagfile(options), free, why)
    experiment = reopened(options, folder, _progress(options))
    return opened(folder, experiment, functools.partial(print, file=sys.stderr))


def _progress(options: Options) -> Progress | None:
    """Beside an answer for a program, nothing else may be printed."""
    if options.recommend.format == "text":
        return None
    from rich.console import Console

    from tfxdr.training.progress import Progress

    return Progress(Console(stderr=True, highlight=False, soft_wrap=True))
