"""Modes that answer from a finished run, or make it answer elsewhere."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tfxdr.errors import InputError
from tfxdr.modes.start import finished
from tfxdr.options import Options

if TYPE_CHECKING:
    from tfxdr.serving import Recommender, Retrieval

_NO_HISTORIES = (
    "--history: {} knows users by their ids alone; ask for one by --user=ID"
)


def recommend(options: Options) -> None:
    from tfxdr.report.recommendations import print_recommendations

    chosen = options.recommend
    if bool(chosen.user) == bool(chosen.history):
        raise InputError(
            "--mode=recommend: expected --user=ID or --history=ID,ID,... "
            "(one of the two)"
        )
    if options.task.task == "profile":
        raise InputError(
            "--mode=recommend: expected a run that ranks items, found one of "
            f"--task=profile, which predicts {options.task.attribute}; see "
            "its predictions.npz"
        )
    if options.export.export_dir and options.run.run:
        raise InputError(
            "--mode=recommend: expected --run=FOLDER or --export_dir=FOLDER "
            "(one of the two)"
        )
    ask = _ask_export if options.export.export_dir else _ask_run
    recommender, history, known = ask(options)
    if history is None:
        items = recommender.for_user(chosen.user, chosen.k, known)
        print_recommendations(items)
        return
    for raw in recommender.unknown(history):
        print(f"note: {raw} is not in the source vocabulary")
    items = recommender.for_history(history, chosen.k, known)
    print_recommendations(items, recommender.actions(history))


def _ask_run(
    options: Options,
) -> tuple[Recommender, Sequence[str] | None, Collection[str]]:
    """What answers, the history (none: a joint model's user), and what the
    user has already."""
    chosen = options.recommend
    contender = finished(options)
    experiment = contender.experiment
    if chosen.history and not experiment.reads_histories:
        raise InputError(_NO_HISTORIES.format(experiment.backbone))
    history: Sequence[str] | None = chosen.history
    known: Collection[str] = ()
    if chosen.user:
        history, known = experiment.known_of(chosen.user)
    if not experiment.reads_histories:
        history = None
    recommender = contender.recommender(chosen.k + len(known))
    return recommender, history, known


def _ask_export(
    options: Options,
) -> tuple[Recommender, Sequence[str] | None, Collection[str]]:
    """As `_ask_run`, without the run."""

    from tfxdr.serving import open_export

    chosen = options.recommend
    folder, recommender = open_export(options.export.export_dir)
    print(f"export: {folder}")
    if not recommender.reads_histories:
        if chosen.history:
            raise InputError(_NO_HISTORIES.format(folder))
        return recommender, None, ()
    if chosen.user:
        raise InputError(
            f"--user={chosen.user}: {folder} knows users by their histories; "
            "ask with --history=ID,ID,..., or ask the run with --run=FOLDER"
        )
    return recommender, chosen.history, ()


def export(options: Options) -> None:
    from tfxdr import serving

    chosen = options.export
    if not chosen.export_dir:
        raise InputError("--mode=export: expected --export_dir=FOLDER")
    contender = finished(options)
    made = serving.export(
        contender.servable(_retrieval(options)),
        chosen.export_dir,
        warm_up_sizes=chosen.warm_up_sizes,
        about=contender.about(),
        titles=contender.experiment.titles,
    )
    print(
        f"export: {made.folder}, whose answers to {made.compared} requests "
        "are those of the trained model"
    )
    if made.records is None:
        print(
            "no warm-up records: TensorFlow Serving's protos are missing "
            '(pip install "tfxdr[serving]")'
        )
    else:
        print(f"warm-up: {made.records} records, each run through the export")
    base = made.folder.parent.resolve()
    print(
        f"serve it: tensorflow_model_server --rest_api_port=8501 "
        f"--model_name={base.name} --model_base_path={base}"
    )


def _retrieval(options: Options) -> Retrieval:
    """What the export can recommend."""
    from tfxdr.serving import Retrieval

    chosen = options.export
    candidates: list[str] = []
    if chosen.refresh_candidates:
        candidates = read_candidates(Path(chosen.refresh_candidates))
    return Retrieval(chosen.k_max, candidates, chosen.exclude_history)


def read_candidates(path: Path) -> list[str]:
    """Raw ids, one a line; empty lines do not count.

    Raises:
      InputError: if the file cannot be read, is empty, or has an id twice.
    """
    flag = f"--refresh_candidates={path}"
    try:
        lines = path.read_text("utf-8").splitlines()
    except OSError as error:
        raise InputError(f"{flag}: cannot read it: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{flag}: expected UTF-8 text ({error})") from error
    seen: dict[str, int] = {}
    for number, raw in enumerate(lines, 1):
        if not raw:
            continue
        if raw in seen:
            raise InputError(
                f"{path}, line {number}: {raw} stands in line {seen[raw]} "
                "already; name every item once"
            )
        seen[raw] = number
    if not seen:
        raise InputError(f"{flag}: expected raw target ids, one a line")
    return list(seen)


def explain(options: Options) -> None:
    from tfxdr.experiments.joint import JointContender
    from tfxdr.report.behaviors import print_behaviors

    contender = finished(options)
    if not isinstance(contender, JointContender):
        raise InputError(
            "--mode=explain: expected a run that weighs source behaviors "
            f"(--backbone=conet --meta=bip), found {contender.folder.path}, "
            f"one of --backbone={contender.experiment.backbone}"
        )
    if not options.recommend.user:
        raise InputError("--mode=explain: expected --user=ID")
    print_behaviors(
        *contender.explain(options.recommend.user, options.recommend.k)
    )
