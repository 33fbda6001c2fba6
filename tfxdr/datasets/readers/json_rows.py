"""JSON lines into DuckDB: one object a line, lists as one event each."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator, Sequence
from pathlib import Path

import duckdb

from tfxdr.datasets.readers.delimited import quoted
from tfxdr.datasets.readers.files import open_text
from tfxdr.datasets.readers.rejects import BadRow, Rejects
from tfxdr.datasets.readers.stream import stream_rows
from tfxdr.errors import InputError

_SAMPLE = 1000
_MAX_SHOWN = 200


def is_json_lines(path: Path, encoding: str = "") -> bool:
    """Whether a text begins as an object of JSON, or a list of them."""
    with open_text(path, encoding) as file:
        return file.read(4096).lstrip("\ufeff \t\r\n")[:1] in ("{", "[")


def json_columns(path: Path, encoding: str = "") -> list[str]:
    """The keys of the first objects, in the order of their appearance."""
    keys: dict[str, None] = {}
    for _, text in itertools.islice(_lines(path, encoding), _SAMPLE):
        try:
            keys |= dict.fromkeys(_object(text))
        except ValueError:
            continue  # Named when it is read.
    return list(keys)


def read_json_lines(
    connection: duckdb.DuckDBPyConnection,
    rejects: Rejects,
    table: str,
    path: Path,
    names: Sequence[str],
    item: str,
    encoding: str = "",
) -> int:
    """Creates `table` of VARCHAR columns; NULL where a key is missing.

    Args:
      names: The keys that become columns.
      item: The key that may hold a list; others may then, of its length.

    Returns:
      The number of objects, malformed ones included.

    Raises:
      InputError: More malformed lines than allowed; names the first.
    """
    bad: list[BadRow] = []
    objects: list[int] = [0]

    def rows() -> Iterator[tuple]:
        for line, text in _lines(path, encoding):
            objects[0] += 1
            try:
                events = _events(_object(text), names, item)
            except (ValueError, RecursionError) as error:
                bad.append(
                    BadRow(path, line, "", str(error), text[:_MAX_SHOWN])
                )
                if len(bad) > rejects.room:
                    return
                continue
            yield from events

    staged = f"{table}_objects"
    columns = {f"c{place}": "VARCHAR" for place in range(len(names))}
    stream_rows(connection, staged, columns, rows())
    rejects.add(bad)
    rejects.count(path, objects[0])
    renamed = ", ".join(
        f"c{place} AS {quoted(name)}" for place, name in enumerate(names)
    )
    connection.execute(
        f"CREATE TABLE {table} AS SELECT {renamed} FROM {staged}"
    )
    connection.execute(f"DROP TABLE {staged}")
    return objects[0]


def lines_of_json(
    path: Path,
    names: Sequence[str],
    item: str,
    rows: Sequence[int],
    encoding: str = "",
) -> list[tuple[int, str]]:
    """(line, text) of ascending row numbers of the table, from 0."""
    wanted, found, row = set(rows), [], 0
    for line, text in _lines(path, encoding):
        try:
            events = _events(_object(text), names, item)
        except (ValueError, RecursionError):
            continue
        for _ in events:
            if row in wanted:
                found.append((line, text[:_MAX_SHOWN]))
            row += 1
        if row > rows[-1]:
            break
    return found


def _lines(path: Path, encoding: str) -> Iterator[tuple[int, str]]:
    with open_text(path, encoding) as file:
        for number, text in enumerate(file, 1):
            if text := text.strip("\ufeff \t\r\n"):
                if number == 1 and text.startswith("["):
                    raise InputError(
                        f"{path}: expected JSON lines, an object in each "
                        "line, found a list; write it anew, as by "
                        "jq -c '.[]', or pandas' to_json(lines=True, "
                        "orient='records')"
                    )
                yield number, text


def _object(text: str) -> dict:
    try:
        value = json.loads(text)
    except json.JSONDecodeError as error:
        raise ValueError(
            f"no JSON object: {error.msg}, at character {error.pos + 1}"
        ) from error
    if not isinstance(value, dict):
        raise ValueError("expected a JSON object, as {'user': ...}")
    return value


def _events(entry: dict, names: Sequence[str], item: str) -> list[tuple]:
    values = [entry.get(name) for name in names]
    listed = entry.get(item)
    if not isinstance(listed, list):
        return [tuple(map(_text, names, values))]
    # Without items the row stays, and is told of.
    count = len(listed) or 1
    columns = []
    for name, value in zip(names, values, strict=True):
        if not isinstance(value, list):
            columns.append([value] * count)
        elif len(value) == len(listed):
            columns.append(value or [None])
        else:
            raise ValueError(
                f"key {name}: expected a list of {len(listed)} values, one "
                f"for each of {item}, found {len(value)}"
            )
    return [tuple(map(_text, names, row)) for row in zip(*columns, strict=True)]


def _text(name: str, value: object) -> str | None:
    if value is None or isinstance(value, str):
        if value and any("\ud800" <= char <= "\udfff" for char in value):
            raise ValueError(f"key {name}: half of a surrogate pair is no text")
        return value
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (int, float)):
        return str(value)
    raise ValueError(
        f"key {name}: expected a text or a number, found a "
        f"{'list' if isinstance(value, list) else 'nested object'}"
    )
