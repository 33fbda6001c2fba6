"""Running what an experiment compares, one contender after the other."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

from tfxdr.data.prepared import PreparedData
from tfxdr.data.splits import TRAIN, VALIDATION
from tfxdr.data.summary import table1
from tfxdr.errors import InputError
from tfxdr.experiments.base import Experiment
from tfxdr.experiments.components import flagfile
from tfxdr.experiments.findings import findings
from tfxdr.experiments.run_folder import FREE, RunFolder
from tfxdr.experiments.run_names import folder_names
from tfxdr.experiments.start import is_joint, make_experiment, reopened
from tfxdr.experiments.whereabouts import INPUTS, Whereabouts, record
from tfxdr.files import write_text
from tfxdr.options import Options
from tfxdr.registry import Spec, meta_learners, policies
from tfxdr.registry.metric_names import is_ranking
from tfxdr.report.history import read_history
from tfxdr.report.run import compare_actions, result_row
from tfxdr.report.table import Row, to_csv, to_markdown
from tfxdr.report.verdict import Evidence, verdict
from tfxdr.training import distribution
from tfxdr.training.progress import Progress
from tfxdr.types import FIRST_ITEM


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What was run.

    Attributes:
      folders: of each component's run with each seed.
      rows: of the table of results: baselines, then the components.
      warnings: which components are below a baseline, and why.
      findings: which policies decide, and whether there was anything to.
    """

    folders: Mapping[tuple[Spec, int], RunFolder]
    rows: Sequence[Row]
    warnings: Sequence[str]
    findings: Sequence[str]

    def with_seed(self, seed: int) -> dict[Spec, RunFolder]:
        """The folders of one seed."""
        return {
            spec: folder
            for (spec, own), folder in self.folders.items()
            if own == seed
        }


def compared(options: Options) -> tuple[Spec, ...]:
    """The components that options compare, one run each."""
    if is_joint(options):
        return meta_learners.parse_list(options.joint.meta)
    return policies.parse_list(options.model.policy)


def experiment_for(
    options: Options,
    folder: RunFolder,
    *,
    resume: bool,
    progress: Progress | None = None,
    data: PreparedData | None = None,
) -> Experiment:
    """A new one, or that of the run that the folder holds.

    Args:
      options: as the user gave them.
      folder: of the run.
      resume: go on with what is there.
      progress: what the person sees.
      data: prepared already; by default the run's, or what the options name.
    """
    if data is None and resume and folder.flags.is_file():
        return reopened(options, folder, progress)
    return make_experiment(options, progress=progress, data=data)


def run_all(
    experiment: Experiment, base: RunFolder, *, resume: bool
) -> Outcome:
    """Trains and tests every component, and writes the table of results.

    A run that is finished is not trained again. With several seeds each
    component has a run for each, on the same data and the same split.

    Args:
      experiment: has data and options.
      base: the folder of the run, held by this process; of several runs, each
        has one inside it.
      resume: go on with what is there.

    Raises:
      InputError: options do not fit the data, or another run is in the way.
      TrainingError: a loss is not finite, or memory runs out.
    """
    specs, seeds = experiment.specs, experiment.options.run.seed
    agree(experiment)
    describe(experiment)
    experiment.with_seed(seeds[0]).check(specs)
    start(experiment, base, experiment.options, resume=resume)
    names = {str(spec) for spec in specs}
    counted = experiment.counted
    folders = _folders(base, specs, seeds)
    results: dict[Spec, list[dict]] = {spec: [] for spec in specs}
    for (spec, seed), folder in folders.items():
        run_one = _run_one if folder is base else _run_inside
        seeded = experiment.with_seed(seed)
        results[spec].append(run_one(seeded, spec, folder))
    own = [result_row(str(spec), found) for spec, found in results.items()]
    rows = [row for row in counted if row.name not in names] + own
    compare_actions([found[0] for found in results.values()], base.path)
    warnings = _warnings(experiment, counted, own, folders)
    kind = experiment.kind.kind
    text = to_markdown(rows, name_title=kind)
    found = findings(
        experiment.with_seed(seeds[0]),
        {spec: folders[spec, seeds[0]] for spec in specs},
    )
    text += "".join(f"\n{line}\n" for line in (*warnings, *found))
    write_text(base.path / "results.md", text)
    write_text(base.path / "results.csv", to_csv(rows, name_title=kind))
    return Outcome(folders, rows, warnings, found)


def agree(experiment: Experiment) -> None:
    """Sees to it that all workers train the same on the same data.

    The chief prepares them first: where the cache is shared, once for all.

    Raises:
      InputError: this worker has other options or data than the chief.
    """
    devices = distribution.current()
    if devices.count == 1:
        return
    told = devices.of_chief(lambda: _identity(experiment))
    own = _identity(experiment)
    different = [
        f"--{name}={own.get(name)} (the chief's is {told.get(name)})"
        for name in sorted(own.keys() | told.keys())
        if own.get(name) != told.get(name)
    ]
    if different:
        raise InputError(
            f"--distribute: worker {devices.index} was started otherwise than "
            f"the chief: {', '.join(different)}; start all of them by the same "
            "command line, on the same data"
        )


def _identity(experiment: Experiment) -> dict:
    """What a run is, wherever its files lie."""
    free = {*FREE, *INPUTS}
    plain = experiment.options.to_plain()
    return {
        **{name: value for name, value in plain.items() if name not in free},
        "mode": experiment.options.run.mode,
        "fingerprint": experiment.data.fingerprint,
    }


def take_part(experiment: Experiment, base: RunFolder) -> None:
    """A worker's part of `run_all`, beside the chief; it writes nothing.

    Args:
      experiment: as the chief's.
      base: the folder of the chief's run, which need not be there.

    Raises:
      InputError: as `agree`.
      TrainingError: as `run_all`.
    """
    agree(experiment)
    chosen = experiment.specs, experiment.options.run.seed
    for (spec, seed), folder in _folders(base, *chosen).items():
        if not _is_finished(folder):
            experiment.with_seed(seed).contender(spec, folder).take_part()


def _is_finished(folder: RunFolder) -> bool:
    """As the chief sees it, who alone may have the folder."""
    return distribution.current().of_chief(lambda: folder.finished)


def _warnings(
    experiment: Experiment,
    counted: Sequence[Row],
    own: Sequence[Row],
    folders: Mapping[tuple[Spec, int], RunFolder],
) -> list[str]:
    """Who is below a baseline, with the reasons that its first run shows."""
    first: dict[str, RunFolder] = {}
    for (spec, _), folder in folders.items():
        first.setdefault(str(spec), folder)
    found = []
    for row in own:
        for metric in experiment.warned_by:
            evidence = _evidence(experiment, first[row.name], metric)
            if evidence is not None:
                found.append(verdict(row, counted, metric, evidence))
    return [text for text in found if text]


def _evidence(
    experiment: Experiment, folder: RunFolder, metric: str
) -> Evidence | None:
    """What a finished run says of itself; `None` if nothing was trained."""
    result = folder.read()
    if "validation" not in result:
        return None
    history = read_history(folder.path / "history.csv")
    return Evidence(
        losses=[
            float(row["loss"]) for row in history if row["stage"] != "pretrain"
        ],
        best_epoch=int(result["validation"]["best_epoch"]),
        limit=experiment.options.finetune.epochs,
        collapsed=result.get("actions", {}).get("collapsed", False),
        training=len(experiment.users.targets(TRAIN).values),
        validation=len(experiment.users.targets(VALIDATION).values),
        items=experiment.task.num_items - FIRST_ITEM,
        labels_alone=is_ranking(metric) and not experiment.teaches_ranking,
    )


def describe(experiment: Experiment) -> None:
    """Says what the data hold, and what their split may leak."""
    manifest, say = experiment.data.manifest, experiment.progress.say
    say(table1(manifest))
    timed = manifest["columns"]["target_time"]
    if experiment.options.data.split == "random" and timed:
        say(
            "note: --split=random trains on events that came after those of "
            "the test: the future leaks; --split=time keeps it out "
            "(docs/evaluation.md)"
        )


def start(
    experiment: Experiment, folder: RunFolder, options: Options, *, resume: bool
) -> None:
    """Makes the folder of a run, or takes up the run that it holds.

    Raises:
      InputError: it holds a run on other data, or is in the way.
    """
    known = ""
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


def _folders(
    base: RunFolder, specs: Sequence[Spec], seeds: Sequence[int]
) -> dict[tuple[Spec, int], RunFolder]:
    """Of one run the folder itself; of several, one inside it for each."""
    runs = [(spec, seed) for seed in seeds for spec in specs]
    if len(runs) == 1:
        return {runs[0]: base}
    names = folder_names(specs) if len(specs) > 1 else {specs[0]: ""}
    ends = {seed: f"seed-{seed}" if len(seeds) > 1 else "" for seed in seeds}
    return {
        (spec, seed): RunFolder(
            base.path / "-".join(filter(None, (names[spec], ends[seed])))
        )
        for spec, seed in runs
    }


def _run_inside(experiment: Experiment, spec: Spec, folder: RunFolder) -> dict:
    """One of several, whose folder is begun when its turn comes."""
    with folder.held():
        again = folder.flags.is_file()
        start(experiment, folder, experiment.options_of(spec), resume=again)
        return _run_one(experiment, spec, folder)


def _run_one(experiment: Experiment, spec: Spec, folder: RunFolder) -> dict:
    say = experiment.progress.say
    if _is_finished(folder):
        say(f"{folder.path}: this run is finished already")
        return folder.read()
    say(f"run: {folder.path}")
    return experiment.contender(spec, folder).run()
