"""From options to an experiment, or to a finished run."""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from tfxdr.errors import InputError
from tfxdr.options import Options
from tfxdr.settings import settings_of

if TYPE_CHECKING:
    from tfxdr.experiment import Experiment
    from tfxdr.training.run_folder import RunFolder


def make_experiment(options: Options) -> Experiment:
    """Imports TensorFlow, sets it up, and assembles the options."""
    import_components()
    import tensorflow as tf

    from tfxdr.joint import JointExperiment, is_joint
    from tfxdr.registry import backbones
    from tfxdr.training.progress import Progress
    from tfxdr.transfer import TransferExperiment

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
    with _captured_stderr():
        import tensorflow as tf

        tf.config.list_physical_devices()
    import tfxdr.backbones
    import tfxdr.data
    import tfxdr.meta
    import tfxdr.ops.losses
    import tfxdr.policies
    import tfxdr.policy_networks
    import tfxdr.training.optimizers
    import tfxdr.tuners  # noqa: F401


@contextlib.contextmanager
def _captured_stderr() -> Iterator[None]:
    """Holds back what C++ code writes, and shows it only after a failure.

    TensorFlow prints a page about the machine when it starts, whatever
    TF_CPP_MIN_LOG_LEVEL says (2.21).
    """
    sys.stderr.flush()
    kept = os.dup(2)
    with tempfile.TemporaryFile() as captured:
        os.dup2(captured.fileno(), 2)
        try:
            yield
        except BaseException:
            captured.seek(0)
            os.write(kept, captured.read())
            raise
        finally:
            os.dup2(kept, 2)
            os.close(kept)


def finished(options: Options) -> tuple[Experiment, RunFolder]:
    from tfxdr.training.run_folder import FREE, RunFolder

    why = f"--mode={options.run.mode}"
    if not options.run.run:
        raise InputError(f"{why}: expected --run=FOLDER of a finished run")
    folder = RunFolder(Path(options.run.run))
    folder.read()
    free = (*FREE, *settings_of(type(options.evaluate)))
    folder.check(options.to_flagfile(), free, why)
    return make_experiment(options), folder
