"""From options to an experiment, or to a finished run."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import tfxdr
from tfxdr.errors import InputError
from tfxdr.modes.components import flagfile
from tfxdr.options import Options
from tfxdr.options.settings import settings_of
from tfxdr.start_up import start_tensorflow

if TYPE_CHECKING:
    from tfxdr.experiments.base import Experiment
    from tfxdr.experiments.contender import Contender
    from tfxdr.experiments.run_folder import RunFolder


def make_experiment(options: Options) -> Experiment:
    """Imports TensorFlow, sets it up, and assembles the options."""
    import_components()
    import tensorflow as tf

    from tfxdr.experiments.joint import JointExperiment
    from tfxdr.experiments.transfer import TransferExperiment
    from tfxdr.training.progress import Progress

    threads = options.compute.threads
    if threads:
        tf.config.threading.set_intra_op_parallelism_threads(threads)
        tf.config.threading.set_inter_op_parallelism_threads(threads)
    tf.config.experimental.enable_op_determinism()
    chosen = JointExperiment if is_joint(options) else TransferExperiment
    return chosen(options, Progress())


def is_joint(options: Options) -> bool:
    """Whether both domains are trained together."""
    from tfxdr.backbones import is_joint
    from tfxdr.registry import backbones

    backbone = backbones.parse(options.model.backbone)
    return is_joint(backbones.entry(backbone.name))


def import_components() -> None:
    """Fills the registries."""
    start_tensorflow()
    for kind in tfxdr.COMPONENTS:
        importlib.import_module(f"tfxdr.{kind}")


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
    now = flagfile(options)
    folder.check(now, free, why)
    for name in folder.changed_code(now):
        print(
            f"warning: the code of {name} has changed since {folder.path} was "
            "made: what it answers may not be what was trained",
            file=sys.stderr,
        )
    experiment = reopened(options, folder)
    (spec,) = experiment.specs
    return experiment.contender(spec, folder)


def reopened(options: Options, folder: RunFolder) -> Experiment:
    """The experiment of a run that is there, with the data that it had.

    Raises:
      InputError: They are found nowhere and cannot be prepared.
    """
    from tfxdr.experiments.whereabouts import Whereabouts

    known = Whereabouts.of(folder)
    options, data = known.settle(options)
    experiment = make_experiment(options)
    if data is not None:
        experiment.progress.say(
            f"prepared data: {data.folder} (from an earlier run)"
        )
        experiment.data = data
        return experiment
    try:
        experiment.data  # noqa: B018  It is prepared when it is asked for.
    except InputError as error:
        raise known.missing(error) from error
    return experiment
