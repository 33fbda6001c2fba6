"""Modes that train, and that judge what was trained."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tfxdr.errors import InputError
from tfxdr.modes.components import flagfile
from tfxdr.modes.start import finished, make_experiment
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
    from tfxdr.experiments.run_folder import RunFolder
    from tfxdr.experiments.transfer import TransferExperiment

    experiment = make_experiment(options)
    if not isinstance(experiment, TransferExperiment):
        raise InputError(
            f"--mode=pretrain: expected a sequential backbone, found "
            f"--backbone={experiment.backbone}, whose domains are trained "
            "together; use --mode=run"
        )
    _describe(experiment)
    folder = RunFolder(_folder(options, "pretrain"))
    # Going on is right even unasked: the same options end the same way.
    _start(experiment, folder, resume=not options.run.overwrite)
    pretrained = experiment.pretrain(folder.path, resume=True)
    for key, value in pretrained.metrics.items():
        print(f"{key:<16}{value:.4f}")
    print(f"pre-trained backbone: {pretrained.folder}")


def run(options: Options) -> None:
    from tfxdr.experiments.run_folder import RunFolder, folder_names
    from tfxdr.report.run import compare_actions, result_row

    experiment = make_experiment(options)
    specs = experiment.specs
    _describe(experiment)
    experiment.check(specs)
    explanation = None
    if options.evaluate.explain_by:
        from tfxdr.modes.explanation import Explanation

        explanation = Explanation(experiment)
    base = RunFolder(_folder(options, "+".join(spec.name for spec in specs)))
    _start(experiment, base, resume=options.run.resume)
    rows = experiment.baseline_rows()
    results = []
    names = folder_names(specs)
    folders = {
        spec: base if len(specs) == 1 else RunFolder(base.path / names[spec])
        for spec in specs
    }
    for spec, folder in folders.items():
        results.append(_run_one(experiment, spec, folder))
        rows = [row for row in rows if row.name != str(spec)]
        rows.append(result_row(str(spec), results[-1]))
    compare_actions(results, base.path)
    _show(experiment, rows, base.path)
    if explanation is not None:
        explanation.print(folders, base.path, _shown(experiment, rows))


def _run_one(experiment: Experiment, spec: Spec, folder: RunFolder) -> dict:
    options = flagfile(experiment.options_of(spec))
    say = experiment.progress.say
    if not folder.flags.is_file():
        folder.start(options, resume=False, overwrite=False, say=say)
    if folder.finished:
        say(f"{folder.path}: this run is finished already")
        return folder.read()
    say(f"run: {folder.path}")
    return experiment.contender(spec, folder).run()


def _start(experiment: Experiment, folder: RunFolder, *, resume: bool) -> None:
    folder.start(
        flagfile(experiment.options),
        resume=resume,
        overwrite=experiment.options.run.overwrite,
        say=experiment.progress.say,
    )


def evaluate(options: Options) -> None:
    from tfxdr.report.table import Row

    contender = finished(options)
    experiment = contender.experiment
    row = Row(str(contender.spec), contender.evaluate())
    rows = [*experiment.baseline_rows(), row]
    _show(experiment, rows, None)


def _describe(experiment: Experiment) -> None:
    from tfxdr.data.summary import table1

    experiment.progress.say(table1(experiment.data.manifest))


def _folder(options: Options, policy: str) -> Path:
    from tfxdr.experiments.run_folder import default_folder

    if options.run.run:
        return Path(options.run.run)
    return default_folder(options, policy)


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
