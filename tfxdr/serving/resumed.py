"""A long file of answers, written in parts that a killed process leaves."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import numpy as np

from tfxdr.files import made_aside, parts_beside, plain_path
from tfxdr.serving.batch import (
    MOST_USERS,
    ROWS,
    Best,
    check_output,
    copied,
    opened,
    write_best,
)


def write_in_parts(
    path: Path,
    answer: Callable[[np.ndarray], Iterator[Best]],
    rows: np.ndarray,
    *,
    k: int,
    asked: Mapping[str, object],
    say: Callable[[str], None],
    users: np.ndarray,
    items: np.ndarray,
    titles: np.ndarray | None,
) -> int:
    """As `write_best`; a process that is killed leaves its parts to the next.

    They stand in a hidden folder beside the file, each of them whole, and are
    gone when the file is there. The next process goes on with them if it is
    asked the same.

    Args:
      path: ends in `.parquet`, `.csv` or `.jsonl`.
      answer: of some rows.
      rows: `[n]` rows of the users, in the order of the file.
      k: how many items each, at most.
      asked: what the answers depend on, beside rows and k.
      say: called with a line of text.
      users: `[users]` object, raw ids as UTF-8 bytes.
      items: `[items]` object, raw ids.
      titles: `[items]` object, "" where unknown.

    Returns:
      How many lines there are.

    Raises:
      InputError: the place cannot be written, the disk is full, or another
        process writes the same file.
    """
    check_output(path)
    size = MOST_USERS * max(1, ROWS // (k * MOST_USERS))

    def write(path: Path, some: np.ndarray) -> int:
        return write_best(
            path, answer(some), users=users, items=items, titles=titles
        )

    if len(rows) <= size:
        return write(path, rows)
    order = hashlib.sha256(rows.astype(np.int64).tobytes()).hexdigest()
    request = {**asked, "users": order, "k": k, "part": size}
    with parts_beside(path, request, "--output") as folder:
        parts = [
            (folder / f"{start:012d}.parquet", rows[start : start + size])
            for start in range(0, len(rows), size)
        ]
        done = sum(len(some) for part, some in parts if part.exists())
        if done:
            say(f"{path}: {done:,} of {len(rows):,} users are answered already")
        for part, some in parts:
            if not part.exists():
                write(part, some)
        return _joined(path, folder, [part.name for part, _ in parts])


def _joined(path: Path, parts: Path, names: list[str]) -> int:
    """One file of all parts, in their order; how many lines it has."""
    with (
        plain_path(parts) as place,
        made_aside(path, "--output") as folder,
        contextlib.closing(opened(folder)) as connection,
    ):
        quoted = (str(place / name).replace("'", "''") for name in names)
        listed = ", ".join(f"'{part}'" for part in quoted)
        connection.execute(
            f"CREATE VIEW answers AS SELECT * FROM read_parquet([{listed}])"
        )
        return copied(connection, "*", folder / path.name)
