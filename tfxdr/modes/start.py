"""From options to an experiment, or to a finished run."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from tfxdr.errors import InputError
from tfxdr.modes.components import flagfile
from tfxdr.options import Options
from tfxdr.options.settings import settings_of
from tfxdr.start_up import start_tensorflow

if TYPE_CHECKING:
    from tfxdr.experiments.base import Experiment
    from tfxdr.experiments.run_folder import RunFolder


def make_experiment(options: Options) -> Experiment:
    """Imports TensorFlow, sets it up, and assembles the options."""
    import_components()
    import tensorflow as tf

    from tfxdr.experiments.joint import JointExperiment, is_joint
    from tfxdr.experiments.transfer import TransferExperiment
    from tfxdr.registry import backbones
    from tfxdr.training.progress import Progress

    threads = options.compute.threads
    if threads:
        tf.config.threading.set_intra_op_parallelism_threads(threads)
        tf.config.threading.set_inter_op_parallelism_threads(threads)
    tf.config.experimental.enable_op_determinism()
    if is_joint(backbones.parse(options.model.backbone)):
        return JointExperiment(options, Progress())
    return TransferExperiment(options, Progress())


def import_components() -> None:
    """Fills the registries."""
    start_tensorflow()
    import tfxdr.backbones
    import tfxdr.datasets
    import tfxdr.losses
    import tfxdr.meta_learners
    import tfxdr.optimizers
    import tfxdr.policies
    import tfxdr.policy_networks
    import tfxdr.tuners  # noqa: F401


def finished(options: Options) -> tuple[Experiment, RunFolder]:
    from tfxdr.experiments.run_folder import FREE, RunFolder

    why = f"--mode={options.run.mode}"
    if not options.run.run:
        raise InputError(f"{why}: expected --run=FOLDER of a finished run")
    folder = RunFolder(Path(options.run.run))
    folder.read()
    free = (*FREE, *settings_of(type(options.evaluate)))
    now = flagfile(options)
    folder.check(now, free, why)
    for name in folder.changed_code(now):
        print(
            f"warning: the code of {name} has changed since {folder.path} was "
            "made: what it answers may not be what was trained",
            file=sys.stderr,
        )
    return make_experiment(options), folder
