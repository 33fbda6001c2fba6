"""From options to an experiment, or to what a finished run trained."""

from __future__ import annotations

import contextlib
import importlib
import sys
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING

import tfxdr
from tfxdr.errors import InputError
from tfxdr.experiments.components import (
    chosen_specs,
    flagfile,
    with_names_of_metrics,
)
from tfxdr.experiments.machine import set_machine
from tfxdr.files import read_json
from tfxdr.options import Options
from tfxdr.registry import plugins
from tfxdr.start_up import start_tensorflow

if TYPE_CHECKING:
    from tfxdr.data.prepared import PreparedData
    from tfxdr.experiments.base import Experiment
    from tfxdr.experiments.contender import Contender
    from tfxdr.experiments.run_folder import RunFolder
    from tfxdr.training.progress import Progress

# What trains, and so may have several devices.
_DISTRIBUTED = ("run", "pretrain")


def import_components() -> None:
    """Fills the registries."""
    start_tensorflow()
    for kind in tfxdr.COMPONENTS:
        importlib.import_module(f"tfxdr.{kind}")


def ready(options: Options) -> Options:
    """Options with all plugins loaded, and all names checked.

    Raises:
      InputError: A name is unknown.
    """
    plugins.load_plugins(options.run.plugins)
    options = with_names_of_metrics(options)
    tuple(chosen_specs(options))
    return options


def is_joint(options: Options) -> bool:
    """Whether both domains are trained together."""
    from tfxdr.backbones import is_joint
    from tfxdr.registry import backbones

    backbone = backbones.parse(options.model.backbone)
    return is_joint(backbones.entry(backbone.name))


def make_experiment(
    options: Options,
    *,
    progress: Progress | None = None,
    data: PreparedData | None = None,
    known: bool = False,
) -> Experiment:
    """Imports TensorFlow, sets it up, and assembles the options.

    Args:
      options: as the user gave them.
      progress: what the person sees; by default on the standard output.
      data: prepared already; by default what the options name.
      known: the options are those of a run that is there.

    Raises:
      InputError: TensorFlow runs with other `--threads` or another `--device`,
        or options do not go together.
    """
    import_components()
    import tensorflow as tf

    from tfxdr.training.progress import Progress

    set_machine(options.compute)
    tf.config.experimental.enable_op_determinism()
    experiment: type[Experiment]
    if is_joint(options):  # which alone loads scipy's solvers
        from tfxdr.experiments.joint import JointExperiment

        experiment = JointExperiment
    else:
        from tfxdr.experiments.transfer import TransferExperiment

        experiment = TransferExperiment
    return experiment(options, progress or Progress(), data, known=known)


@contextlib.contextmanager
def distributed(options: Options, *, in_python: bool = False) -> Iterator[bool]:
    """What is trained inside is trained on the devices that options name.

    Args:
      options: as the user gave them.
      in_python: there is no command line that other machines could repeat.

    Yields:
      Whether there is anything to do: a process that has served another one
      until that was done has done all of its work.

    Raises:
      InputError: the mode trains on one device, or there are no others, or
        something cannot be trained so.
      TrainingError: another worker has gone.
    """
    kind = options.compute.distribute
    if kind == "none":
        yield True
        return
    if options.run.mode == "sweep":
        _check_sweep(kind)
        yield True  # Its runs are given the option, each in its process.
        return
    if options.run.mode not in _DISTRIBUTED:
        raise InputError(
            f"--distribute={kind} is for --mode={' and '.join(_DISTRIBUTED)}, "
            f"found --mode={options.run.mode}, which trains nothing by itself: "
            "leave the option out"
        )
    if in_python and kind != "mirrored":
        raise InputError(
            f"distribute={kind}: every worker has to be started by the "
            "same command line (docs/distributed.md); in Python expected none "
            "or mirrored"
        )
    from tfxdr.training import cluster, distribution, parameter_server
    from tfxdr.training.progress import Progress

    set_machine(options.compute)
    say = Progress().say
    if kind == parameter_server.NAME:
        _check_parameter_server(options)
        if parameter_server.served(say):
            yield False
            return
    devices = cluster.start(kind, say)
    with distribution.distributed(devices):
        yield True
    if not devices.is_chief:
        say(f"worker {devices.index} of {devices.count}: done")


@contextlib.contextmanager
def mixed_precision(options: Options) -> Iterator[None]:
    """What is trained inside has its products as options say.

    Raises:
      InputError: this machine has no such products.
    """
    if options.compute.mixed_precision == "none":
        yield
        return
    from tfxdr.training import precision

    set_machine(options.compute)
    with precision.chosen(options.compute.mixed_precision):
        yield


def _check_sweep(kind: str) -> None:
    """Refuses what the runs of a sweep cannot be given.

    Raises:
      InputError: says why.
    """
    if kind != "mirrored":
        raise InputError(
            f"--distribute={kind}: a sweep starts each of its runs as a "
            "process of this machine, and no other machine would start it "
            "too: expected none or mirrored with --mode=sweep"
        )


def _check_parameter_server(options: Options) -> None:
    """Refuses what would need a whole table, or rows in lockstep.

    Raises:
      InputError: names the flag.
    """
    if is_joint(options):
        raise InputError(
            "--distribute=parameter-server: expected a sequential backbone, "
            f"found --backbone={options.model.backbone}, whose domains are "
            "trained together: choose another one, or "
            "--distribute=multi-worker"
        )
    for flag, value, expected, why in (
        ("task", options.task.task, ("next-target",), "which has no table"),
        (
            "optimizer",
            options.finetune.optimizer.partition("(")[0],
            ("lazyadam",),
            "which moves more than the rows that a batch has read",
        ),
        (
            "loss",
            options.finetune.loss,
            ("bpr", "bce", "sampled_softmax", "in_batch"),
            "which may score the whole table in every step",
        ),
        (
            "pretrain_loss",
            options.pretrain.pretrain_loss,
            ("sampled_softmax",),
            "which may score the whole table in every step",
        ),
        (
            "pretrain_split",
            options.pretrain.pretrain_split,
            ("leave-one-out",),
            "whose validation scores the whole table at every position",
        ),
        (
            "mixed_precision",
            options.compute.mixed_precision,
            ("none",),
            "whose products only this machine would round",
        ),
        (
            "warm_start",
            options.finetune.warm_start,
            ("",),
            "which reads whole tables",
        ),
    ):
        if value not in expected:
            choice = " or ".join(filter(None, expected)) or "nothing"
            raise InputError(
                f"--distribute=parameter-server: expected --{flag}={choice}, "
                f"found {value}, {why}: change it, or choose "
                "--distribute=multi-worker"
            )


def plain_progress() -> Progress:
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


def reopened(
    options: Options, folder: RunFolder, progress: Progress | None = None
) -> Experiment:
    """The experiment of a run that is there, with the data that it had.

    Raises:
      InputError: They are found nowhere and cannot be prepared.
    """
    from tfxdr.data.grown import GrownData
    from tfxdr.experiments.whereabouts import Whereabouts

    known = Whereabouts.of(folder)
    options, data = known.settle(options)
    if data is not None and folder.vanished.is_file():
        data = GrownData(data, read_json(folder.vanished))
    experiment = make_experiment(
        options, progress=progress, data=data, known=True
    )
    if data is not None:
        experiment.progress.say(
            f"prepared data: {data.folder} (from an earlier run)"
        )
        return experiment
    try:
        experiment.data  # noqa: B018  It is prepared when it is asked for.
    except InputError as error:
        raise known.missing(error) from error
    return experiment


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
    (spec,) = experiment.specs
    return experiment.contender(spec, folder)


def finished_run(folder: RunFolder, progress: Progress) -> Contender:
    """What a finished run trained, by what its folder tells.

    Args:
      folder: of the run.
      progress: takes what is said on the way.

    Raises:
      InputError: It holds no finished run, or the data are gone.
    """
    folder.read()
    text = folder.flags.read_text(encoding="utf-8")
    options = ready(Options.from_flagfile(text, str(folder.flags)))
    return opened(folder, reopened(options, folder, progress), progress.say)
