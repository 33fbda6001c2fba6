"""Modes that train, and that judge what was trained."""

from __future__ import annotations

from pathlib import Path

from tfxdr.errors import InputError
from tfxdr.modes.start import finished, make_experiment
from tfxdr.options import Options


def prepare(options: Options) -> None:
    experiment = make_experiment(options)
    experiment.describe()
    print(f"prepared data: {experiment.data.folder}")


def pretrain(options: Options) -> None:
    from tfxdr.experiments.run_folder import RunFolder
    from tfxdr.experiments.running import start
    from tfxdr.experiments.transfer import TransferExperiment

    experiment = make_experiment(options)
    if not isinstance(experiment, TransferExperiment):
        raise InputError(
            f"--mode=pretrain: expected a sequential backbone, found "
            f"--backbone={experiment.backbone}, whose domains are trained "
            "together; use --mode=run"
        )
    experiment.describe()
    folder = RunFolder(_folder(options, "pretrain"))
    # Going on is right even unasked: the same options end the same way.
    start(experiment, folder, resume=not options.run.overwrite)
    pretrained = experiment.pretrain(folder.path, resume=True)
    for key, value in pretrained.metrics.items():
        print(f"{key:<16}{value:.4f}")
    print(f"pre-trained backbone: {pretrained.folder}")


def run(options: Options) -> None:
    from tfxdr.experiments.running import run_all
    from tfxdr.report.table import print_table

    experiment = make_experiment(options)
    names = "+".join(spec.name for spec in experiment.specs)
    folder = _folder(options, names)
    outcome = run_all(experiment, folder, resume=options.run.resume)
    print_table(outcome.rows, **experiment.shown(outcome.rows))
    print(f"results: {folder}")


def evaluate(options: Options) -> None:
    from tfxdr.report.table import Row, print_table

    contender = finished(options)
    experiment = contender.experiment
    row = Row(str(contender.spec), contender.evaluate())
    rows = [*experiment.baseline_rows(), row]
    print_table(rows, **experiment.shown(rows))


def _folder(options: Options, policy: str) -> Path:
    from tfxdr.experiments.run_folder import default_folder

    if options.run.run:
        return Path(options.run.run)
    return default_folder(options, policy)
