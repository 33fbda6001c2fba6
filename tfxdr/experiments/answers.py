"""What a finished run answers: for one user, for many, as an export."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

import tfxdr
from tfxdr import serving
from tfxdr.errors import InputError
from tfxdr.experiments.contender import Contender
from tfxdr.files import read_json
from tfxdr.options.answers import Export
from tfxdr.serving.batch import Best, best_of_many, check_output
from tfxdr.serving.description import DESCRIPTION
from tfxdr.serving.export import versions
from tfxdr.serving.id_files import read_ids
from tfxdr.serving.recommendations import Recommendations, listed
from tfxdr.serving.resumed import write_in_parts
from tfxdr.types import FIRST_ITEM

ALL = "all"  # of --users
NO_HISTORIES = (
    "--history: {} knows users by their ids alone; ask for one by --user=ID"
)


def check_ranks(contender: Contender) -> None:
    """Refuses a run that has no items to recommend.

    Raises:
      InputError: says where its answers are.
    """
    task = contender.experiment.options.task
    if task.task == "profile":
        raise InputError(
            "--mode=recommend: expected a run that ranks items, found one of "
            f"--task=profile, which predicts {task.attribute}; see its "
            "predictions.npz"
        )


def say_how_it_ranks(contender: Contender) -> None:
    """Says so if popular items would do better."""
    note = contender.ranking_note
    if note:
        contender.experiment.progress.say(note)


def recommend_one(
    contender: Contender,
    *,
    user: str = "",
    history: Sequence[str] = (),
    k: int,
) -> Recommendations:
    """The best items for a user of the data, or for a history.

    Args:
      contender: of a finished run.
      user: raw id; the target items that they have are left out.
      history: raw source ids, oldest first, where no user is given.
      k: how many items, at most.

    Raises:
      InputError: there is no such user, or the model reads no histories.
    """
    check_ranks(contender)
    say_how_it_ranks(contender)
    experiment = contender.experiment
    if not user:
        if not experiment.reads_histories:
            raise InputError(NO_HISTORIES.format(experiment.backbone))
        return contender.recommender(k).answer(history, k)
    known_history, known = experiment.known_of(user)
    # As many more as may have to be left out, in few sizes: each is kept.
    size = 1 << (k + len(known) - 1).bit_length()
    recommender = contender.recommender(size)
    if not experiment.reads_histories:
        return Recommendations(recommender.for_user(user, k, known))
    return recommender.answer(known_history, k, known)


def recommend_many(
    contender: Contender, *, users: str | Sequence[str], output: Path, k: int
) -> int:
    """Writes the best items of many users to a file.

    They are those that each one is recommended alone. Where the process is
    killed, the same call goes on with what it has.

    Args:
      contender: of a finished run.
      users: `all`, or raw ids, each of which is answered once.
      output: a `.parquet`, `.csv` or `.jsonl` file.
      k: how many items each, at most.

    Returns:
      How many lines were written.

    Raises:
      InputError: no user is known, or the file cannot be written.
    """
    check_output(output)
    check_ranks(contender)
    say_how_it_ranks(contender)
    experiment = contender.experiment
    data, say = experiment.data, experiment.progress.say
    everyone = data.users()
    rows = np.arange(len(everyone))
    if users != ALL:
        rows = _rows_of(contender, users)
    scores = contender.user_scores()
    start = time.monotonic()

    def answer(some: np.ndarray) -> Iterator[Best]:
        return best_of_many(
            scores,
            some,
            everyone.target,
            num_items=data.num_target_items - FIRST_ITEM,
            k=k,
        )

    lines = write_in_parts(
        output,
        answer,
        rows,
        k=k,
        asked=_identity(contender),
        say=say,
        users=everyone.ids,
        items=data.target_ids,
        titles=data.target_titles,
    )
    seconds = time.monotonic() - start
    say(
        f"{lines:,} recommendations to {len(rows):,} users in {seconds:.1f} s "
        f"({len(rows) / max(seconds, 1e-3):,.0f} users/s): {output}"
    )
    return lines


def _identity(contender: Contender) -> dict[str, object]:
    """What a run's answers depend on: no other training has its record."""
    record = json.dumps(contender.folder.read(), sort_keys=True)
    return {
        "tfxdr": tfxdr.__version__,
        "run": hashlib.sha256(record.encode()).hexdigest(),
        "data": contender.experiment.data.fingerprint,
    }


def _rows_of(contender: Contender, users: Sequence[str]) -> np.ndarray:
    """Rows of raw ids, in their order; says who is unknown.

    Raises:
      InputError: nobody is known.
    """
    experiment = contender.experiment
    wanted = list(dict.fromkeys(users))
    ids = experiment.data.users().ids
    row_of = {raw: row for row, raw in enumerate(ids)}
    found = {raw: row_of.get(raw.encode()) for raw in wanted}
    unknown = [raw for raw, row in found.items() if row is None]
    if len(unknown) == len(wanted):
        raise InputError(
            f"--users: none of the {len(wanted):,} users is in "
            f"{experiment.data.folder}, such as {listed(unknown[:1])}; users "
            f"look like {ids[0].decode()}"
        )
    if unknown:
        experiment.progress.say(
            f"note: {len(unknown):,} of {len(wanted):,} users are not in the "
            f"data and are left out: {listed(unknown)}"
        )
    rows = [row for row in found.values() if row is not None]
    return np.array(rows, np.int64)


def check_export(contender: Contender, chosen: Export) -> serving.Retrieval:
    """Finds what would stop `export`, before the contender is trained.

    Args:
      contender: of a run that need not have begun.
      chosen: where to, and what it can recommend.

    Returns:
      What the export is to recommend from.

    Raises:
      InputError: as `export`, where no model is needed to know it.
    """
    serving.check_place(chosen.export_dir)
    retrieval = _retrieval(contender, chosen)
    contender.check_servable(retrieval)
    return retrieval


def export(contender: Contender, chosen: Export) -> serving.Export:
    """Publishes a finished run for TensorFlow Serving.

    Args:
      contender: of the run.
      chosen: where to, and what it can recommend.

    Raises:
      InputError: a candidate is unknown, the folder cannot be written, the
        package of an index is missing, or the model has nothing to serve so.
      TrainingError: what was saved answers otherwise than the trained model.
    """
    retrieval = check_export(contender, chosen)
    say_how_it_ranks(contender)
    return serving.export(
        contender.servable_to_save(retrieval),
        chosen.export_dir,
        warm_up_sizes=chosen.warm_up_sizes,
        about=contender.about() | {"made_from": _made_from(contender, chosen)},
        titles=contender.experiment.titles,
    )


def _retrieval(contender: Contender, chosen: Export) -> serving.Retrieval:
    candidates: Sequence[str] = ()
    if chosen.refresh_candidates:
        candidates = _candidates(contender, Path(chosen.refresh_candidates))
    return serving.Retrieval(
        chosen.k_max,
        candidates,
        chosen.exclude_history,
        chosen.export_retrieval,
        chosen.min_recall,
    )


def published(contender: Contender, chosen: Export) -> Path | None:
    """The newest version, if it is what `export` would make once more."""
    base = Path(chosen.export_dir)
    for version in versions(base)[-1:]:
        path = base / str(version) / DESCRIPTION
        made_from = _made_from(contender, chosen)
        if path.is_file() and read_json(path).get("made_from") == made_from:
            return path.parent
    return None


def _made_from(contender: Contender, chosen: Export) -> str:
    """A hash of all that an export depends on."""
    plain = dataclasses.asdict(chosen)
    del plain["export_dir"]
    if chosen.refresh_candidates:
        path = Path(chosen.refresh_candidates)
        plain["refresh_candidates"] = _candidates(contender, path)
    told = json.dumps([_identity(contender), plain], sort_keys=True)
    return hashlib.sha256(told.encode()).hexdigest()


def _candidates(contender: Contender, path: Path) -> Sequence[str]:
    """Raw target ids of a file.

    Raises:
      InputError: names the line of one that is there twice or unknown.
    """
    lines = read_ids(path, "--refresh_candidates", "raw target ids", once=True)
    known = set(contender.experiment.task.target_ids)
    unknown = [raw for raw in lines if raw not in known]
    if unknown:
        ids = "1 id is" if len(unknown) == 1 else f"{len(unknown):,} ids are"
        raise InputError(
            f"--refresh_candidates={path}, line {lines[unknown[0]]}: {ids} "
            "not in the target vocabulary of the model, such as "
            f"{unknown[0]!r}; expected raw target ids, one a line, no header"
        )
    return list(lines)
