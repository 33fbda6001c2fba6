"""Parquet into DuckDB: every type that can be an id, a time or a rating."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import duckdb

from tfxdr.datasets.readers.delimited import no_pattern, quoted
from tfxdr.datasets.readers.delimited import text as sql_text
from tfxdr.errors import InputError

_NUMBERS = (
    r"U?(TINYINT|SMALLINT|INTEGER|BIGINT|HUGEINT)|FLOAT|DOUBLE|DECIMAL.*|BIGNUM"
)
_TEXTS = r"VARCHAR|BLOB|ENUM.*"
_TIMES = r"DATE|TIMESTAMP.*"
_KINDS = {
    "user": (rf"{_TEXTS}|{_NUMBERS}|UUID", "a text or a number"),
    "item": (rf"{_TEXTS}|{_NUMBERS}|UUID", "a text or a number"),
    "time": (rf"{_TEXTS}|{_NUMBERS}|{_TIMES}", "a date or a number"),
    "rating": (rf"{_TEXTS}|{_NUMBERS}|BOOLEAN", "a number"),
}
_ANY = (rf"{_TEXTS}|{_NUMBERS}|{_TIMES}|UUID|BOOLEAN", "a text or a number")


def describe_parquet(
    connection: duckdb.DuckDBPyConnection, path: Path
) -> dict[str, str]:
    """Column to DuckDB's type.

    Raises:
      InputError: The file is no Parquet.
    """
    with_errors = f"DESCRIBE FROM {_file(path)}"
    try:
        rows = connection.execute(with_errors).fetchall()
    except duckdb.Error as error:
        raise _unreadable(path, error) from error
    return {name: kind for name, kind, *_ in rows}


def _file(path: Path) -> str:
    return f"read_parquet({sql_text(no_pattern(path))}, file_row_number=false)"


def _unreadable(path: Path, error: Exception) -> InputError:
    return InputError(f"{path} is not readable as Parquet: {error}")


def read_parquet(
    connection: duckdb.DuckDBPyConnection,
    table: str,
    path: Path,
    columns: Mapping[str, str],
) -> tuple[Callable[[Sequence[int]], list[int]], int]:
    """Creates `table` of some columns of a file.

    A list of items is an event for each; times, ratings and categories beside
    it may be lists of the same length. A row without items keeps one that is
    NULL. Bytes become texts, NULL where they are no UTF-8.

    Args:
      columns: `user`, `item`, `time`, `rating`, … to the column's name.

    Returns:
      What finds the file's rows, from 1, of rows of the table, and the number
      of the file's rows.

    Raises:
      InputError: A column is of a type that it cannot be.
    """
    kinds = describe_parquet(connection, path)
    names = list(dict.fromkeys(columns.values()))
    item_kind = kinds.get(columns.get("item", ""), "")
    for role, name in columns.items():
        _check_kind(path, role, name, kinds[name], item_kind)
    lists = [name for name in names if kinds[name].endswith("]")]
    source = _file(path)
    if lists:
        _check_lengths(connection, path, lists)
    selected = ", ".join(
        f"{_cell(name, kinds[name])} AS {quoted(name)}" for name in names
    )
    try:
        connection.execute(
            f"CREATE TABLE {table} AS SELECT {selected} FROM {source}"
        )
        row = connection.execute(f"SELECT count(*) FROM {source}").fetchone()
    except duckdb.Error as error:
        raise _unreadable(path, error) from error

    def rows_of(rows: Sequence[int]) -> list[int]:
        if not lists:
            return [row + 1 for row in rows]
        return _rows_of(connection, path, _cell(lists[0], "[]"), rows)

    return rows_of, row[0] if row else 0


def _cell(name: str, kind: str) -> str:
    column = quoted(name)
    if kind.endswith("]"):
        empty = f"{column} IS NULL OR len({column}) = 0"
        column = f"unnest(CASE WHEN {empty} THEN [NULL] ELSE {column} END)"
    return f"TRY(decode({column}))" if kind.startswith("BLOB") else column


def _check_kind(
    path: Path, role: str, name: str, kind: str, item_kind: str
) -> None:
    inner = re.sub(r"\[\d*\]$", "", kind)
    is_list = inner != kind
    allowed, wanted = _KINDS.get(role, _ANY)
    right = re.fullmatch(allowed, inner)
    if right and not (is_list and role == "user"):
        if not is_list or item_kind.endswith("]"):
            return
    beside = " (a list of items may have lists beside it)" if is_list else ""
    raise InputError(
        f"{path}: the column {name!r} (the {role}) is of the type {kind}; "
        f"expected {wanted}{beside}; name another column by "
        f"--dataset=events({role}=COLUMN), or write it anew"
    )


def _check_lengths(
    connection: duckdb.DuckDBPyConnection, path: Path, lists: Sequence[str]
) -> None:
    """Lists beside each other are of one length."""
    first = f"coalesce(len({quoted(lists[0])}), 0)"
    others = " OR ".join(
        f"coalesce(len({quoted(name)}), 0) != {first}" for name in lists[1:]
    )
    if not others:
        return
    row = connection.execute(
        "SELECT min(file_row_number) + 1 FROM read_parquet("
        f"{sql_text(no_pattern(path))}, file_row_number=true) WHERE {others}"
    ).fetchone()
    if row is not None and row[0] is not None:
        raise InputError(
            f"{path}, row {row[0]}: the lists {', '.join(lists)} should be of "
            "one length, an entry for each item"
        )


def _rows_of(
    connection: duckdb.DuckDBPyConnection,
    path: Path,
    cell: str,
    rows: Sequence[int],
) -> list[int]:
    connection.execute(
        "CREATE OR REPLACE TEMP TABLE unnested_rows AS "
        f"SELECT file_row_number + 1 AS number, {cell} AS one FROM "
        f"read_parquet({sql_text(no_pattern(path))}, file_row_number=true)"
    )
    listed = ", ".join(map(str, rows))
    found = connection.execute(
        f"SELECT number FROM unnested_rows WHERE rowid IN ({listed}) "
        "ORDER BY rowid"
    ).fetchall()
    connection.execute("DROP TABLE unnested_rows")
    return [number for (number,) in found]
