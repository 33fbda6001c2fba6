"""From options to an experiment, or to what a finished run trained."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import tfxdr
from tfxdr.errors import InputError
from tfxdr.experiments.components import flagfile
from tfxdr.options import Options
from tfxdr.start_up import start_tensorflow

if TYPE_CHECKING:
    from tfxdr.data.prepared import PreparedData
    from tfxdr.experiments.base import Experiment
    from tfxdr.experiments.contender import Contender
    from tfxdr.experiments.run_folder import RunFolder
    from tfxdr.training.progress import Progress


def import_components() -> None:
    """Fills the registries."""
    start_tensorflow()
    for kind in tfxdr.COMPONENTS:
        importlib.import_module(f"tfxdr.{kind}")


def make_experiment(
    options: Options,
    *,
    progress: Progress | None = None,
    data: PreparedData | None = None,
) -> Experiment:
    """Imports TensorFlow, sets it up, and assembles the options.

    Args:
      options: as the user gave them.
      progress: what the person sees; by default on the standard output.
      data: prepared already; by default what the options name.

    Raises:
      InputError: TensorFlow runs with other `--threads`, or options do not go
        together.
    """
    import_components()
    import tensorflow as tf

    from tfxdr.backbones import is_joint
    from tfxdr.experiments.joint import JointExperiment
    from tfxdr.experiments.transfer import TransferExperiment
    from tfxdr.registry import backbones
    from tfxdr.training.progress import Progress

    _set_threads(options.compute.threads)
    tf.config.experimental.enable_op_determinism()
    backbone = backbones.parse(options.model.backbone)
    joint = is_joint(backbones.entry(backbone.name))
    experiment = JointExperiment if joint else TransferExperiment
    return experiment(options, progress or Progress(), data)


def _set_threads(threads: int) -> None:
    """Both pools of TensorFlow, which start with its first operation.

    Raises:
      InputError: they have started with another number.
    """
    import tensorflow as tf

    if not threads:
        return
    pools = tf.config.threading
    try:
        pools.set_intra_op_parallelism_threads(threads)
        pools.set_inter_op_parallelism_threads(threads)
    except RuntimeError as error:
        now = pools.get_intra_op_parallelism_threads()
        raise InputError(
            f"--threads={threads}: TensorFlow has started in this process "
            f"already, with --threads={now}; leave the option out, or start "
            "another process"
        ) from error


def opened(
    folder: RunFolder, experiment: Experiment, say: Callable[[str], None]
) -> Contender:
    """What a finished run trained.

    Args:
      folder: of the run.
      experiment: made of its options.
      say: called with a warning, if a plugin's code is another one now.
    """
    for name in folder.changed_code(flagfile(experiment.options)):
        say(
            f"warning: the code of {name} has changed since {folder.path} was "
            "made: what it answers may not be what was trained"
        )
    _find_data(folder, experiment, say)
    (spec,) = experiment.specs
    return experiment.contender(spec, folder)


def _find_data(
    folder: RunFolder, experiment: Experiment, say: Callable[[str], None]
) -> None:
    """Prepared data that a run needs, where their input is out of reach.

    They are known by their content. A relative --cache_dir may have been that
    of any folder above the run's.

    Raises:
      InputError: neither the input nor what was prepared from it is there.
    """
    from tfxdr.data.prepared import find_prepared

    try:
        _ = experiment.data
    except InputError as error:
        cache = experiment.options.run.cache_dir
        above = [Path(), *folder.path.resolve().parents]
        data = find_prepared(
            folder.read()["data"]["fingerprint"],
            [place / cache for place in above],
        )
        if data is None:
            raise
        say(f"note: {error}; using {data.folder}, which were made of it")
        experiment.data = data
