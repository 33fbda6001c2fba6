"""The best items for many users, batch by batch, into one file."""

from __future__ import annotations

import contextlib
import dataclasses
import os
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import duckdb
import numpy as np
import tensorflow as tf

from tfxdr.data.database import connect, count_rows
from tfxdr.datasets.base import insert_arrays
from tfxdr.errors import InputError
from tfxdr.files import made_aside
from tfxdr.ops.ragged import Ragged
from tfxdr.ops.tracing import graph_of
from tfxdr.serving.candidates import LOWEST
from tfxdr.types import FIRST_ITEM

# How DuckDB writes a file, by what its name ends in.
_FORMATS = {
    ".parquet": "FORMAT parquet",
    ".csv": "FORMAT csv, HEADER",
    ".jsonl": "FORMAT json",
}
_SCORES = 1 << 24  # scores in memory at a time: 64 MiB, and as much to rank
MOST_USERS = 1024  # whose histories are encoded at a time
ROWS = 1 << 18  # of the file that are handed over at a time
_MEMORY = "1GB"  # of DuckDB
_TABLE = (
    'CREATE TABLE answers ("user" VARCHAR, rank INTEGER, item VARCHAR, '
    "score FLOAT, title VARCHAR)"
)

# Rows of users to the logits of all real items, `[users, items]`.
UserScores = Callable[[np.ndarray], tf.Tensor]


@dataclasses.dataclass(frozen=True)
class Best:
    """What some users are recommended, all in one.

    Attributes:
      user: `[rows]` int64 rows of the users, each with their items in a run.
      rank: `[rows]` int32, from 1.
      item: `[rows]` int64 places of the items, from 0.
      score: `[rows]` float32.
    """

    user: np.ndarray
    rank: np.ndarray
    item: np.ndarray
    score: np.ndarray


def best_of_many(
    scores: UserScores,
    users: np.ndarray,
    known: Ragged,
    *,
    num_items: int,
    k: int,
) -> Iterator[Best]:
    """Ranks all items for each user, without those that the user has.

    Args:
      scores: of a batch.
      users: `[users]` rows, in the order of the answers.
      known: target items of all users, by row.
      num_items: real ones, as in what `scores` returns.
      k: how many items, at most.
    """
    size = int(np.clip(_SCORES // max(num_items, 1), 1, MOST_USERS))
    rank = _ranker(min(k, num_items))
    for start in range(0, len(users), size):
        batch = users[start : start + size]
        has = known.take(batch)
        excluded = np.stack([has.row_of_value, has.values - FIRST_ITEM], 1)
        values, places = rank(scores(batch), tf.constant(excluded, tf.int64))
        value, place = values.numpy(), places.numpy()
        row, column = np.nonzero(value > LOWEST)
        yield Best(
            batch[row].astype(np.int64),
            (column + 1).astype(np.int32),
            place[row, column].astype(np.int64),
            value[row, column],
        )


def _ranker(k: int) -> Callable[..., tuple[tf.Tensor, tf.Tensor]]:
    """The best `k` of scores `[users, items]`, without some (row, item)."""

    def rank(
        scores: tf.Tensor, excluded: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        lowest = tf.fill([tf.shape(excluded)[0]], LOWEST)
        scores = tf.tensor_scatter_nd_update(scores, excluded, lowest)
        values, places = tf.math.top_k(scores, k=k)
        return values, places

    return graph_of(
        rank,
        input_signature=[
            tf.TensorSpec([None, None], tf.float32),
            tf.TensorSpec([None, 2], tf.int64),
        ],
    )


def check_output(path: Path) -> None:
    """Refuses a file of no format that is known.

    Raises:
      InputError: names those that are.
    """
    if path.suffix not in _FORMATS:
        raise InputError(
            f"--output={path}: expected a name that ends in one of "
            f"{', '.join(_FORMATS)}"
        )


def write_best(
    path: Path,
    answers: Iterator[Best],
    *,
    users: np.ndarray,
    items: np.ndarray,
    titles: np.ndarray | None,
) -> int:
    """Writes user, rank, item, score and, where there are any, title.

    The file appears under its name only when it is whole. What is not in
    memory waits in a database beside it.

    Args:
      path: ends in `.parquet`, `.csv` or `.jsonl`.
      answers: in the order of the file.
      users: `[users]` object, raw ids as UTF-8 bytes.
      items: `[items]` object, raw ids.
      titles: `[items]` object, "" where unknown.

    Returns:
      How many lines there are.

    Raises:
      InputError: the place cannot be written, or the disk is full.
    """
    check_output(path)
    names = ['"user"', "rank", "item", "score"]
    names += [] if titles is None else ["title"]
    with (
        made_aside(path, "--output") as folder,
        contextlib.closing(opened(folder)) as connection,
    ):
        connection.execute(_TABLE)
        for part in _collected(answers):
            columns = _columns(part, users, items, titles)
            insert_arrays(connection, "part", columns)
            connection.execute("INSERT INTO answers SELECT * FROM part")
            connection.execute("DROP TABLE part")
        return copied(connection, ", ".join(names), folder / path.name)


def opened(folder: Path) -> duckdb.DuckDBPyConnection:
    """A database in a folder, for a table or view `answers`."""
    return connect(folder, _MEMORY, os.cpu_count() or 1)


def copied(
    connection: duckdb.DuckDBPyConnection, names: str, path: Path
) -> int:
    """Writes `answers` into a file, in order; returns how many lines.

    Args:
      connection: has them.
      names: of the columns.
      path: what its name ends in is the format.
    """
    made = str(path).replace("'", "''")
    connection.execute(
        f"COPY (SELECT {names} FROM answers) TO '{made}' "
        f"({_FORMATS[path.suffix]})"
    )
    return count_rows(connection, "answers")


def _collected(answers: Iterator[Best]) -> Iterator[Best]:
    """Several at once: every insertion costs the same again."""
    kept: list[Best] = []
    for one in answers:
        kept.append(one)
        if sum(len(best.user) for best in kept) >= ROWS:
            yield _joined(kept)
            kept = []
    if kept:
        yield _joined(kept)


def _joined(parts: Sequence[Best]) -> Best:
    fields = zip(*map(dataclasses.astuple, parts), strict=True)
    return Best(*map(np.concatenate, fields))


def _columns(
    best: Best, users: np.ndarray, items: np.ndarray, titles: np.ndarray | None
) -> dict[str, np.ndarray]:
    found, place = np.unique(best.user, return_inverse=True)
    names = np.array([raw.decode() for raw in users[found]], object)
    blank = np.full(len(items), "", object)
    return {
        "user": names[place],
        "rank": best.rank,
        "item": items[best.item],
        "score": best.score,
        "title": (blank if titles is None else titles)[best.item],
    }
