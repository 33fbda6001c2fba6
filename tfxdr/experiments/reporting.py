"""What a report tells of finished runs, read from their folders."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np

from tfxdr.data.summary import table1
from tfxdr.errors import InputError
from tfxdr.evaluation import Actions, BehaviorWeights
from tfxdr.evaluation.comparison import Method, Verdicts
from tfxdr.experiments.comparing import compare
from tfxdr.experiments.finished_runs import JudgedRun
from tfxdr.experiments.rules import published_cells
from tfxdr.experiments.run_folder import RunFolder, flags_of
from tfxdr.experiments.start import finished_run
from tfxdr.options import Options
from tfxdr.registry.metric_names import BINARY_METRICS
from tfxdr.report.clusters import clustered_actions
from tfxdr.report.columns import widened
from tfxdr.report.comparison import method_table, notes, pair_table
from tfxdr.report.figures import learning_curves
from tfxdr.report.history import read_history
from tfxdr.report.page import (
    WRITERS,
    Code,
    Part,
    Picture,
    Report,
    Section,
    Table,
)
from tfxdr.report.policies import (
    choose_users,
    utilization_by_length,
    utilization_heatmap,
)
from tfxdr.report.run import peak_bytes
from tfxdr.report.story import listed
from tfxdr.report.table import (
    format_seconds,
    metric_title,
    with_deviation,
)
from tfxdr.report.told_apart import told_apart
from tfxdr.report.writers import writer_for
from tfxdr.training.progress import Progress

_STAGES = ("pretrain", "finetune", "joint")
_BEHAVIORS = 5  # the most and least useful ones of a user


def report(
    runs: Sequence[JudgedRun], *, baseline: str = "", progress: Progress
) -> Report:
    """Tells of runs: how they compare, what they decided, what they took.

    Runs that were judged alike are compared with each other; of runs on
    several data sets, or by several protocols, each group has its sections.

    Args:
      runs: finished ones.
      baseline: name of the method that the others are held against.
      progress: takes what opening a run says.

    Raises:
      InputError: a folder lacks what its run left there.
    """
    groups: dict[tuple, list[JudgedRun]] = {}
    for run in runs:
        groups.setdefault(tuple(run.judged_by.items()), []).append(run)
    sections: list[Section] = []
    for group in groups.values():
        label = f" on {group[0].result['dataset']}" if len(groups) > 1 else ""
        sections += _sections(group, label, baseline, progress)
    components = list(dict.fromkeys(run.component for run in runs))
    data = list(dict.fromkeys(run.result["dataset"] for run in runs))
    return Report(
        f"{listed(components)} on {listed(data)}",
        _summary(runs),
        sections,
    )


def _summary(runs: Sequence[JudgedRun]) -> str:
    first = runs[0]
    protocol = first.result["protocol"]
    backbones = list(dict.fromkeys(run.result["backbone"] for run in runs))
    seeds = sorted({run.seed for run in runs})
    return (
        f"{len(runs)} {'run' if len(runs) == 1 else 'runs'} of "
        f"{listed(backbones)}, seed {listed(list(map(str, seeds)))}; split: "
        f"{protocol.get('split', 'random')}; the epoch was picked by "
        f"{metric_title(protocol['monitor'])} of the validation split."
    )


def _sections(
    runs: Sequence[JudgedRun], label: str, baseline: str, progress: Progress
) -> list[Section]:
    found = compare(runs, baseline=baseline)
    runs_of = {
        method.name: [run for run in runs if str(run.path) in method.places]
        for method in found.methods
    }
    first = {name: own[0] for name, own in runs_of.items()}
    results = {name: [r.result for r in own] for name, own in runs_of.items()}
    told: dict[str, Iterable[Part]] = {
        "Results": _results(found, first),
        "Differences in pairs": _differences(found),
        "Learning curves": _curves(first),
        "Told apart": told_apart(
            results, runs[0].options.get("explain_by", "")
        ),
        "What policies decide": _decisions(first),
        "Three users": _users(first, progress),
        "What source behaviors are worth": _behaviors(first, progress),
        "Time and memory": _costs(found.methods, runs),
        "Data": _data(runs[0]),
        "How to run it again": _replay(runs),
    }
    sections = [Section(f"{t}{label}", tuple(p)) for t, p in told.items()]
    return [section for section in sections if section.parts]


def _results(found: Verdicts, first: Mapping[str, JudgedRun]) -> Iterable[Part]:
    titles, rows = method_table(found)
    # Of labelled examples; no pair is judged by them.
    of_examples = [k for k in BINARY_METRICS if k in found.methods[0].metrics]
    titles += map(metric_title, of_examples)
    rows = [
        [*row, *(_mean(method, key) for key in of_examples)]
        for row, method in zip(rows, found.methods, strict=True)
    ]
    published = {name: published_cells(run) for name, run in first.items()}
    yield Table(*widened(titles, rows, published))
    yield from notes(found)


def _mean(method: Method, key: str) -> str:
    return with_deviation(method.metrics[key], method.deviations.get(key))


def _differences(found: Verdicts) -> Iterable[Part]:
    if found.pairs:
        yield Table(*pair_table(found), left=3)


def _curves(first: Mapping[str, JudgedRun]) -> Iterable[Part]:
    for name, run in first.items():
        history = run.path / "history.csv"
        if "validation" not in run.result or not history.is_file():
            continue
        monitors = {
            stage: run.result["protocol"]["monitor"]
            for stage in ("finetune", "retrain", "joint")
        }
        monitors["pretrain"] = run.options.get(
            "pretrain_monitor", "validation_loss"
        )
        yield Picture(
            learning_curves(read_history(history), monitors=monitors),
            f"{name}, seed {run.seed}: loss and validation by epoch.",
        )


def _decisions(first: Mapping[str, JudgedRun]) -> Iterable[Part]:
    known = {
        name: Actions.load(run.path / "actions.npz")
        for name, run in first.items()
        if (run.path / "actions.npz").is_file()
    }
    if not known:
        return
    yield Picture(
        utilization_heatmap({name: a.rates for name, a in known.items()}),
        "How often each block runs tuned for the test users.",
    )
    for name, actions in known.items():
        if first[name].result.get("actions", {}).get("collapsed"):
            yield (
                f"{name} has collapsed: all users get the same, so that "
                "nothing is personal."
            )
            continue
        yield Picture(
            clustered_actions(actions),
            f"{name}: users side by side, those with like actions together.",
        )
        if np.ptp(actions.history_length) == 0:
            continue  # There is nothing to draw it against.
        yield Picture(
            utilization_by_length(actions),
            f"{name}: how much is tuned for users with short and with long "
            "histories.",
        )


def _users(
    first: Mapping[str, JudgedRun], progress: Progress
) -> Iterable[Part]:
    """Of the best policy that decides, from short to long histories."""
    from tfxdr.experiments.transfer_contender import TransferContender
    from tfxdr.experiments.user_stories import user_stories

    routed = [
        run
        for run in first.values()
        if (run.path / "actions.npz").is_file()
        and run.result["protocol"]["task"] == "next-target"
    ]
    if not routed:
        return
    best = max(routed, key=_of_validation)
    contender = _opened(best, progress)
    if isinstance(contender, str):
        yield contender
        return
    assert isinstance(contender, TransferContender)
    actions = Actions.load(best.path / "actions.npz")
    rows = actions.users[choose_users(actions)].tolist()
    for one in user_stories(contender, rows, 5):
        yield f"User {one.user}, by {best.component}"
        yield Table(
            ("", ""),
            [
                ("history", "; ".join(one.history)),
                ("decision", one.actions),
                ("recommended", "; ".join(one.recommended)),
                ("held out", "; ".join(one.held_out)),
            ],
            left=2,
        )


def _of_validation(run: JudgedRun) -> float:
    monitor = run.result["protocol"]["monitor"]
    return run.result.get("validation", {}).get(monitor, -np.inf)


def _opened(run: JudgedRun, progress: Progress):
    """What the run trained; a sentence, if its data are gone."""
    try:
        return finished_run(RunFolder(run.path), progress)
    except InputError as error:
        return f"Nothing is told of single users: {error}"


def _behaviors(
    first: Mapping[str, JudgedRun], progress: Progress
) -> Iterable[Part]:
    from tfxdr.experiments.joint_contender import JointContender
    from tfxdr.report.behaviors import weight_histogram

    for name, run in first.items():
        path = run.path / "behavior_weights.npz"
        if not path.is_file():
            continue
        contender = _opened(run, progress)
        if isinstance(contender, str):
            yield contender
            continue
        assert isinstance(contender, JointContender)
        weights = BehaviorWeights.load(path)
        yield Picture(
            weight_histogram(
                weights.relative(), contender.category_names(weights)
            ),
            f"{name}: weights of source behaviors, by category.",
        )
        users = contender.experiment.data.users()
        row = int(np.bincount(weights.user).argmax())
        user = users.ids[row].decode()
        most, least = contender.explain(user, _BEHAVIORS)
        yield f"{name}: source behaviors of user {user}"
        yield Table(
            ("", "behavior", "category", "weight"),
            [
                (what, one.title or one.item, one.category, f"{one.weight:.3f}")
                for what, some in (("most useful", most), ("least", least))
                for one in some
            ],
            left=3,
        )


def _costs(
    methods: Sequence[Method], runs: Sequence[JudgedRun]
) -> Iterable[Part]:
    stages = [
        s for s in _STAGES if any(s in run.result["cost"] for run in runs)
    ]
    rows = [
        [method.name, *_cost(run, stages)]
        for method in methods
        for run in runs
        if str(run.path) in method.places
    ]
    titles = ("method", "seed", "epoch kept", *stages, "memory")
    yield Table(titles, rows)


def _cost(run: JudgedRun, shown: Sequence[str]) -> list[str]:
    stages, trained = run.result["cost"], run.result.get("validation", {})
    kept = ""
    if trained:
        kept = f"{trained['best_epoch']:.0f} of {trained['epochs']:.0f}"
    seconds = [
        format_seconds(stages[stage]["seconds"]) if stage in stages else ""
        for stage in shown
    ]
    return [
        str(run.seed),
        kept,
        *seconds,
        f"{peak_bytes(run.result) / 2**30:.2f} GiB",
    ]


def _data(run: JudgedRun) -> Iterable[Part]:
    manifest = {
        "dataset": run.result["dataset"],
        "counts": run.result["data"]["counts"],
    }
    yield Code(table1(manifest))


def _replay(runs: Sequence[JudgedRun]) -> Iterable[Part]:
    versions = runs[0].result.get("versions")
    if versions:
        yield "Versions: " + ", ".join(
            f"{name} {version}" for name, version in versions.items()
        )
    yield "Each run folder holds all of its options, and replays by them:"
    yield Code(
        "\n".join(
            "python -m tfxdr.main "
            + shlex.join(
                [
                    f"--flagfile={run.path / 'options.flags'}",
                    f"--run={run.path}-again",
                ]
            )
            for run in runs
        )
    )
    yield "Options that are not the defaults:"
    yield Table(
        ("run", "options"),
        [(run.path.name, " ".join(_chosen(run))) for run in runs],
        left=2,
    )


def _chosen(run: JudgedRun) -> list[str]:
    defaults = flags_of(Options().to_flagfile())
    return [
        f"--{name}={value}"
        for name, value in run.options.items()
        if defaults.get(name) != value
    ]


def write_report(
    runs: Sequence[JudgedRun],
    path: Path,
    *,
    baseline: str = "",
    progress: Progress,
    flag: str = "--output",
) -> None:
    """Writes the report of runs as the file's suffix says.

    Args:
      runs: finished ones.
      path: of the file, `.html` or `.md`.
      baseline: name of the method that the others are held against.
      progress: takes what is said on the way, and where the report is.
      flag: the option that chose the file's place, for a message.

    Raises:
      InputError: the file cannot be written, or a folder lacks what its run
        left there.
    """
    write = writer_for(path, WRITERS)
    write(report(runs, baseline=baseline, progress=progress), path, flag)
    progress.say(f"report: {path}")
