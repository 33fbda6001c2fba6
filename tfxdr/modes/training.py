"""Modes that train, and that judge what was trained."""

from __future__ import annotations

import contextlib
import shlex
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tfxdr.errors import InputError
from tfxdr.modes.components import flagfile
from tfxdr.modes.start import finished, is_joint, make_experiment, reopened
from tfxdr.options import Options

if TYPE_CHECKING:
    from tfxdr.experiments.base import Experiment
    from tfxdr.experiments.run_folder import RunFolder
    from tfxdr.registry import Spec
    from tfxdr.report.table import Row


def prepare(options: Options) -> None:
    experiment = make_experiment(options)
    _describe(experiment)
    print(f"prepared data: {experiment.data.folder}")


def pretrain(options: Options) -> None:
    from tfxdr.experiments.transfer import TransferExperiment

    folder = _folder(options, ["pretrain"])
    with _held(folder, options):
        # Going on is right even unasked: the same options end the same way.
        resume = not options.run.overwrite
        experiment = _experiment(options, folder, resume=resume)
        if not isinstance(experiment, TransferExperiment):
            raise InputError(
                f"--mode=pretrain: expected a sequential backbone, found "
                f"--backbone={experiment.backbone}, whose domains are trained "
                "together; use --mode=run"
            )
        _describe(experiment)
        _start(experiment, folder, experiment.options, resume=resume)
        pretrained = experiment.pretrain(folder.path, resume=True)
    for key, value in pretrained.metrics.items():
        print(f"{key:<16}{value:.4f}")
    print(f"pre-trained backbone: {pretrained.folder}")


def run(options: Options) -> None:
    from tfxdr.report.run import compare_actions, result_row

    base = _folder(options, [spec.name for spec in _compared(options)])
    with _held(base, options):
        experiment = _experiment(options, base, resume=options.run.resume)
        specs = experiment.specs
        _describe(experiment)
        experiment.check(specs)
        explanation = None
        if options.evaluate.explain_by:
            from tfxdr.modes.explanation import Explanation

            explanation = Explanation(experiment)
        _start(experiment, base, experiment.options, resume=options.run.resume)
        rows = experiment.baseline_rows()
        results = []
        folders = _folders(base, specs)
        for spec, folder in folders.items():
            run_one = _run_one if folder is base else _run_inside
            results.append(run_one(experiment, spec, folder))
            rows = [row for row in rows if row.name != str(spec)]
            rows.append(result_row(str(spec), results[-1]))
        compare_actions(results, base.path)
        _show(experiment, rows, base.path)
        if explanation is not None:
            explanation.print(folders, base.path, _shown(experiment, rows))


def _folders(base: RunFolder, specs: Sequence[Spec]) -> dict[Spec, RunFolder]:
    """Of one component the folder of the run; of several, one inside it."""
    from tfxdr.experiments.run_folder import RunFolder
    from tfxdr.experiments.run_names import folder_names

    if len(specs) == 1:
        return {specs[0]: base}
    names = folder_names(specs)
    return {spec: RunFolder(base.path / names[spec]) for spec in specs}


def _run_inside(experiment: Experiment, spec: Spec, folder: RunFolder) -> dict:
    """One of several, whose folder is begun when its turn comes."""
    with folder.held():
        again = folder.flags.is_file()
        chosen = experiment.options_of(spec)
        _start(experiment, folder, chosen, resume=again)
        return _run_one(experiment, spec, folder)


def _run_one(experiment: Experiment, spec: Spec, folder: RunFolder) -> dict:
    say = experiment.progress.say
    if folder.finished:
        say(f"{folder.path}: this run is finished already")
        return folder.read()
    say(f"run: {folder.path}")
    return experiment.contender(spec, folder).run()


def _start(
    experiment: Experiment, folder: RunFolder, options: Options, *, resume: bool
) -> None:
    from tfxdr.experiments.whereabouts import INPUTS, Whereabouts, record

    known = None
    if resume and folder.flags.is_file():
        known = Whereabouts.of(folder).fingerprint
        if known and known != experiment.data.fingerprint:
            raise InputError(
                f"--resume: the run in {folder.path} was started on other "
                f"data than {experiment.data.folder} holds: bring the old "
                "input files back, or start anew with --overwrite"
            )
    folder.start(
        flagfile(options),
        resume=resume,
        overwrite=options.run.overwrite,
        say=experiment.progress.say,
        about=record(folder, experiment.data),
        free=INPUTS if known else (),  # Their content has been compared.
    )


def _experiment(
    options: Options, folder: RunFolder, *, resume: bool
) -> Experiment:
    """A new one, or that of the run that the folder holds."""
    if resume and folder.flags.is_file():
        return reopened(options, folder)
    return make_experiment(options)


def _compared(options: Options) -> tuple[Spec, ...]:
    """The components that are compared."""
    from tfxdr.registry import meta_learners, policies

    if is_joint(options):
        return meta_learners.parse_list(options.joint.meta)
    return policies.parse_list(options.model.policy)


@contextlib.contextmanager
def _held(folder: RunFolder, options: Options) -> Iterator[None]:
    """Alone in the folder; whoever interrupts is told how to go on."""
    mode = "" if options.run.mode == "run" else f" --mode={options.run.mode}"
    with folder.held():
        try:
            yield
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
    from tfxdr.report.table import Row

    contender = finished(options)
    experiment = contender.experiment
    row = Row(str(contender.spec), contender.evaluate())
    rows = [*experiment.baseline_rows(), row]
    _show(experiment, rows, None)


def _describe(experiment: Experiment) -> None:
    from tfxdr.data.summary import table1

    manifest = experiment.data.manifest
    experiment.progress.say(table1(manifest))
    data = experiment.options.data
    if data.split == "random" and manifest["columns"]["target_time"]:
        experiment.progress.say(
            "note: --split=random trains on events that came after those of "
            "the test: the future leaks; --split=time keeps it out "
            "(docs/evaluation.md)"
        )


def _folder(options: Options, names: Sequence[str]) -> RunFolder:
    from tfxdr.experiments.run_folder import RunFolder
    from tfxdr.experiments.run_names import LATEST, default_folder

    if options.run.run == LATEST:
        raise InputError(
            f"--run={LATEST} stands for a run that is there: go on with it by "
            "--resume, or give the new one another name"
        )
    if options.run.run:
        return RunFolder(Path(options.run.run))
    return RunFolder(default_folder(options, names))


def _show(
    experiment: Experiment, rows: Sequence[Row], folder: Path | None
) -> None:
    """Prints the metrics at the first cutoff; files hold all of them."""
    from tfxdr.files import write_text
    from tfxdr.report.table import print_table, to_csv, to_markdown

    print_table(
        rows,
        metrics=_shown(experiment, rows),
        title=f"\n{experiment.title}",
        name_title=experiment.kind.kind,
    )
    if folder is not None:
        kind = experiment.kind.kind
        write_text(folder / "results.md", to_markdown(rows, name_title=kind))
        write_text(folder / "results.csv", to_csv(rows, name_title=kind))
        print(f"results: {folder}")


def _shown(experiment: Experiment, rows: Sequence[Row]) -> list[str]:
    first = f"@{experiment.options.evaluate.top_n[0]}"
    return [
        key
        for key in rows[-1].metrics
        if "@" not in key or key.split("/")[0].endswith(first)
    ]
