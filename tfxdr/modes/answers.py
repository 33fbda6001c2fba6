"""Modes that answer from a finished run, or make it answer elsewhere."""

from __future__ import annotations

import dataclasses
import functools
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from tfxdr.errors import InputError
from tfxdr.modes.start import finished
from tfxdr.options import Options

if TYPE_CHECKING:
    from tfxdr.experiments.contender import Contender
    from tfxdr.options.answers import Export
    from tfxdr.serving import Recommendations

_say = functools.partial(print, file=sys.stderr)  # beside JSON


def recommend(options: Options) -> None:
    _check_request(options)
    if options.recommend.users:
        _recommend_many(options)
        return
    ask = _ask_export if options.export.export_dir else _ask_run
    answer = ask(options)
    if options.recommend.format == "json":
        chosen = options.recommend
        asked: dict[str, object] = {"history": list(chosen.history)}
        if chosen.user:
            asked = {"user": chosen.user}
        print(json.dumps(asked | answer.as_dict()))
        return
    print(answer)


def _check_request(options: Options) -> None:
    """Whether one thing is asked, of one that can answer.

    Raises:
      InputError: names the flags.
    """
    chosen = options.recommend
    if bool(chosen.user) + bool(chosen.history) + bool(chosen.users) != 1:
        raise InputError(
            "--mode=recommend: expected --user=ID, --history=ID,ID,... or "
            "--users=all (one of the three)"
        )
    if bool(chosen.users) != bool(chosen.output):
        raise InputError(
            "--mode=recommend: --users=all, or a file of raw user ids, and "
            "--output=FILE go together, found "
            f"--users={chosen.users} --output={chosen.output}"
        )
    if options.export.export_dir and options.run.run:
        raise InputError(
            "--mode=recommend: expected --run=FOLDER or --export_dir=FOLDER "
            "(one of the two)"
        )
    if chosen.users and options.export.export_dir:
        raise InputError(
            "--users: an export knows no users' histories; ask the run with "
            "--run=FOLDER"
        )
    if chosen.users and chosen.format != "text":
        raise InputError(
            f"--format={chosen.format}: the answers for --users go to "
            "--output; leave it out"
        )


def _recommend_many(options: Options) -> None:
    from tfxdr.experiments.answers import ALL, recommend_many
    from tfxdr.serving.batch import check_output
    from tfxdr.serving.id_files import read_ids

    chosen = options.recommend
    output = Path(chosen.output).expanduser()
    check_output(output)
    users: str | list[str] = ALL
    if chosen.users != ALL:
        users = list(read_ids(Path(chosen.users), "--users", "raw user ids"))
    recommend_many(finished(options), users=users, output=output, k=chosen.k)


def _ask_run(options: Options) -> Recommendations:
    from tfxdr.experiments.answers import recommend_one

    chosen = options.recommend
    return recommend_one(
        finished(options),
        user=chosen.user,
        history=chosen.history,
        k=chosen.k,
    )


def _ask_export(options: Options) -> Recommendations:
    """As `_ask_run`, without the run."""
    from tfxdr.experiments.answers import NO_HISTORIES
    from tfxdr.serving import Recommendations, open_export

    chosen = options.recommend
    folder, recommender = open_export(options.export.export_dir)
    (print if chosen.format == "text" else _say)(f"export: {folder}")
    if recommender.reads_histories and chosen.user:
        raise InputError(
            f"--user={chosen.user}: {folder} knows users by their histories; "
            "ask with --history=ID,ID,..., or ask the run with --run=FOLDER"
        )
    if recommender.reads_histories:
        return recommender.answer(chosen.history, chosen.k)
    if chosen.history:
        raise InputError(NO_HISTORIES.format(folder))
    return Recommendations(recommender.for_user(chosen.user, chosen.k))


def export(options: Options) -> None:
    if not options.export.export_dir:
        raise InputError("--mode=export: expected --export_dir=FOLDER")
    publish(finished(options), options.export)


def publish(contender: Contender, chosen: Export) -> None:
    """Exports a finished run, and says how it is served."""
    from tfxdr.experiments.answers import export

    made = export(contender, chosen)
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


def explain(options: Options) -> None:
    from tfxdr.experiments.joint_contender import JointContender
    from tfxdr.report.behaviors import print_behaviors

    contender = finished(options)
    if not isinstance(contender, JointContender):
        raise InputError(
            "--mode=explain: expected a run that weighs source behaviors "
            f"(--backbone=conet --meta=bip), found {contender.folder.path}, "
            f"one of --backbone={contender.experiment.backbone}"
        )
    chosen = options.recommend
    if not chosen.user:
        raise InputError("--mode=explain: expected --user=ID")
    most, least = contender.explain(chosen.user, chosen.k)
    if chosen.format == "text":
        print_behaviors(most, least)
        return
    behaviors = {
        name: list(map(dataclasses.asdict, some))
        for name, some in (("most", most), ("least", least))
    }
    print(json.dumps({"user": chosen.user} | behaviors))
