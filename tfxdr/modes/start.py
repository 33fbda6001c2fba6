"""From a command line to a finished run."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from tfxdr.errors import InputError
from tfxdr.experiments.components import flagfile
from tfxdr.experiments.start import import_components as import_components
from tfxdr.experiments.start import make_experiment as make_experiment
from tfxdr.experiments.start import opened
from tfxdr.options import Options
from tfxdr.options.settings import settings_of

if TYPE_CHECKING:
    from tfxdr.experiments.contender import Contender


def finished(options: Options) -> Contender:
    """The run that `--run` names.

    Raises:
      InputError: There is none, or it was made with other options.
    """
    from tfxdr.experiments.run_folder import FREE, RunFolder
    from tfxdr.training.progress import Progress

    why = f"--mode={options.run.mode}"
    if not options.run.run:
        raise InputError(f"{why}: expected --run=FOLDER of a finished run")
    folder = RunFolder(Path(options.run.run))
    folder.read()
    free = (*FREE, *settings_of(type(options.evaluate)))
    folder.check(flagfile(options), free, why)
    return opened(folder, make_experiment(options))
