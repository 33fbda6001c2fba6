"""Modes that train, and that judge what was trained."""

from __future__ import annotations

import contextlib
import functools
import shlex
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tfxdr.errors import InputError
from tfxdr.modes.answers import publish
from tfxdr.modes.start import finished, make_experiment
from tfxdr.options import Options
from tfxdr.start_up import printable

if TYPE_CHECKING:
    from tfxdr.experiments.base import Experiment
    from tfxdr.experiments.contender import Contender
    from tfxdr.experiments.run_folder import RunFolder
    from tfxdr.experiments.running import Outcome
    from tfxdr.modes.explanation import Explanation
    from tfxdr.options.answers import Export
    from tfxdr.training.progress import Progress


def prepare(options: Options) -> None:
    from tfxdr.experiments.running import describe

    experiment = make_experiment(options)
    describe(experiment)
    print(f"prepared data: {experiment.data.folder}")


def pretrain(options: Options) -> None:
    from tfxdr.experiments.running import (
        agree,
        describe,
        experiment_for,
        start,
    )
    from tfxdr.experiments.transfer import TransferExperiment

    # Going on is right even unasked: the same options end the same way.
    resume = not options.run.overwrite
    options, folder = _placed(options, ["pretrain"], resume=resume)
    with _held(folder, options) as progress:
        experiment = experiment_for(
            options, folder, resume=resume, progress=progress
        )
        if not isinstance(experiment, TransferExperiment):
            raise InputError(
                f"--mode=pretrain: expected a sequential backbone, found "
                f"--backbone={experiment.backbone}, whose domains are trained "
                "together; use --mode=run"
            )
        agree(experiment)
        if progress is not None:
            experiment.pretrain(folder.path, resume=True)
            return
        describe(experiment)
        start(experiment, folder, experiment.options, resume=resume)
        pretrained = experiment.pretrain(folder.path, resume=True)
    for key, value in pretrained.metrics.items():
        print(f"{key:<16}{value:.4f}")
    print(f"pre-trained backbone: {pretrained.folder}")


def run(options: Options) -> None:
    from tfxdr.experiments.answers import check_export
    from tfxdr.experiments.running import (
        compared,
        experiment_for,
        run_all,
        take_part,
    )
    from tfxdr.report.table import print_table

    resume, specs = options.run.resume, compared(options)
    if options.export.export_dir:
        _check_single(options, len(specs) * len(options.run.seed))
        _check_index(options.export)
    names = [spec.name for spec in specs]
    options, base = _placed(options, names, resume=resume)
    with _held(base, options) as progress:
        experiment = experiment_for(
            options, base, resume=resume, progress=progress
        )
        if progress is not None:
            take_part(experiment, base)
            return
        explanation, seed = None, options.run.seed[0]
        if options.export.export_dir and not base.finished:
            for spec in specs:  # If any: whoever checks them says so.
                contender = experiment.with_seed(seed).contender(spec, base)
                check_export(contender, options.export)
        if experiment.groups is not None:
            explanation = _explanation(experiment.with_seed(seed))
        outcome = run_all(experiment, base, resume=resume)
        shown = experiment.shown(outcome.rows)
        print_table(outcome.rows, **shown)
        for warning in outcome.warnings:
            print(f"warning: {printable(warning)}")
        for line in outcome.findings:
            print(printable(line))
        print(f"results: {base.path}")
        if len(outcome.folders) > 1:
            _write_report(experiment, outcome, base)
        if explanation is not None:
            folders = outcome.with_seed(seed)
            explanation.print(folders, base.path, shown["metrics"])
        if options.export.export_dir:
            ((spec, seed),) = outcome.folders
            _export(experiment.with_seed(seed).contender(spec, base), options)


def _check_single(options: Options, runs: int) -> None:
    """Refuses to export several runs, before they are trained."""
    if runs > 1:
        raise InputError(
            f"--export_dir={options.export.export_dir}: expected one run, "
            f"found {runs} that are compared; choose one, and export it "
            "afterwards by --mode=export --run=FOLDER"
        )


def _check_index(chosen: Export) -> None:
    """Finds what the export lacks, before data are prepared for hours."""
    from tfxdr.serving import approximate, check_place

    check_place(chosen.export_dir)
    if chosen.export_retrieval != approximate.BRUTE_FORCE:
        approximate.installed(chosen.export_retrieval)


def _export(contender: Contender, options: Options) -> None:
    """Publishes the run, unless it has been before it was interrupted."""
    from tfxdr.experiments.answers import published

    chosen = options.export
    there = published(contender, chosen) if options.run.resume else None
    if there is None:
        publish(contender, chosen)
    else:
        print(f"export: {there} is of this run already")


def _explanation(experiment: Experiment) -> Explanation:
    from tfxdr.experiments.transfer import TransferExperiment

    if isinstance(experiment, TransferExperiment):
        from tfxdr.modes.explained_policies import PoliciesExplained

        return PoliciesExplained(experiment)
    from tfxdr.experiments.joint import JointExperiment
    from tfxdr.modes.explained_behaviors import BehaviorsExplained

    assert isinstance(experiment, JointExperiment)  # there is no other
    return BehaviorsExplained(experiment)


def _write_report(
    experiment: Experiment, outcome: Outcome, base: RunFolder
) -> None:
    from tfxdr.experiments.finished_runs import JudgedRun
    from tfxdr.experiments.reporting import write_report

    runs = [JudgedRun.open(folder.path) for folder in outcome.folders.values()]
    place = base.path / "report.html"
    write_report(runs, place, progress=experiment.progress, flag="--run")


@contextlib.contextmanager
def _held(folder: RunFolder, options: Options) -> Iterator[Progress | None]:
    """Alone in the folder; whoever interrupts is told how to go on.

    Yields:
      To a worker beside the chief, whose folder it is, a progress that nobody
      sees.
    """
    from tfxdr.training import distribution
    from tfxdr.training.progress import Progress

    if not distribution.current().is_chief:
        yield Progress.unseen()
        return
    mode = "" if options.run.mode == "run" else f" --mode={options.run.mode}"
    if options.compute.distribute != "none":
        mode += f" --distribute={options.compute.distribute}"
    if options.export.export_dir:
        mode += f" --export_dir={shlex.quote(options.export.export_dir)}"
    with folder.held():
        try:
            yield None
        except BaseException as error:
            how = "run the same command again"
            if folder.flags.is_file():
                run = shlex.quote(str(folder.path))
                how = f"go on with: {_program()}{mode} --run={run} --resume"
            # Ctrl-C may have become an error of a library: see `main`.
            error.how_to_go_on = how  # type: ignore[attr-defined]
            raise


def _program() -> str:
    name = Path(sys.argv[0]).name
    return name if name == "tfxdr" else "python -m tfxdr.main"


def evaluate(options: Options) -> None:
    from tfxdr.report.table import Row, print_table

    contender = finished(options)
    experiment = contender.experiment
    row = Row(str(contender.spec), contender.evaluate())
    rows = [*experiment.baseline_rows(), row]
    print_table(rows, **experiment.shown(rows))


def _placed(
    options: Options, names: Sequence[str], *, resume: bool
) -> tuple[Options, RunFolder]:
    """What to run, and where; see `with_source`."""
    from tfxdr.experiments.warm_start_source import with_source

    place = functools.partial(_folder, names=names)
    return with_source(options, place, resume=resume)


def _folder(options: Options, names: Sequence[str]) -> Path:
    from tfxdr.experiments.run_names import LATEST, default_folder

    if options.run.run == LATEST:
        raise InputError(
            f"--run={LATEST} stands for a run that is there: go on with it by "
            "--resume, or give the new one another name"
        )
    if options.run.run:
        return Path(options.run.run)
    return default_folder(options, names)
