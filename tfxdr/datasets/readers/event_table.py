"""A domain's table of events with columns that the user names."""

from __future__ import annotations

import csv
import dataclasses
import difflib
from collections.abc import Sequence
from pathlib import Path

import duckdb

from tfxdr.datasets.readers.delimited import (
    Layout,
    first_line,
    quoted,
    read_delimited,
    reject_where,
)
from tfxdr.datasets.readers.rejects import Rejects
from tfxdr.errors import InputError

_DELIMITERS = (",", "\t", ";", "|")
_PARQUET = (".parquet", ".pq")
_MAX_VALUES = 10


@dataclasses.dataclass(frozen=True)
class EventTable:
    """A domain's file and the names of its columns ("" if it has none).

    `part` is the column that says which rows are of the domain, and `value`
    what stands there in them. Of these rows only those rated from `least` to
    `most` are events.
    """

    domain: str
    path: Path
    user: str
    item: str
    time: str
    rating: str
    category: str
    least: float | None
    most: float | None
    part: str
    value: str

    @property
    def columns(self) -> dict[str, str]:
        """What an option of `events` calls a column, to its name."""
        named = {"user": self.user, "item": self.item}
        named |= {"time": self.time, "rating": self.rating}
        named |= {"category": self.category, "domain": self.part}
        return {option: name for option, name in named.items() if name}

    @property
    def is_in_domain(self) -> str:
        """SQL that is true of the domain's rows, false of all others."""
        if not self.part:
            return "true"
        value = "'" + self.value.replace("'", "''") + "'"
        return (
            f"coalesce(CAST({quoted(self.part)} AS VARCHAR) = {value}, false)"
        )

    @property
    def is_kept(self) -> str:
        """SQL that is true of rows rated as the domain's events are."""
        filters = [
            f"{self.sql_rating} {sign} {limit}"
            for sign, limit in ((">=", self.least), ("<=", self.most))
            if limit is not None
        ]
        return " AND ".join(filters) or "true"

    @property
    def sql_rating(self) -> str:
        column = quoted(self.rating) if self.rating else "NULL"
        return f"CAST({column} AS DOUBLE)"

    def sql_time(self, kind: str) -> str:
        return _cast(self.time, kind) if self.time else "CAST(NULL AS BIGINT)"


def read_table(
    connection: duckdb.DuckDBPyConnection,
    rejects: Rejects,
    raw: str,
    table: EventTable,
) -> str:
    """Creates `raw` of the right rows of a file; returns the kind of times.

    Raises:
      InputError: A column is missing, or more rows are malformed than allowed.
    """
    if table.path.suffix in _PARQUET:
        _read_parquet(connection, raw, table)
        layout = None
    else:
        layout = find_layout(table.path, table.columns)
        keep = list(dict.fromkeys(table.columns.values()))
        read_delimited(connection, rejects, raw, table.path, layout, keep)
    kind = _time_kind(connection, raw, table)
    _reject(connection, rejects, raw, table, layout, kind)
    return kind


def find_layout(path: Path, columns: dict[str, str]) -> Layout:
    """Finds delimiter and columns in the first line.

    Raises:
      InputError: A column is missing.
    """
    line = first_line(path)
    headers = {
        delimiter: next(csv.reader([line], delimiter=delimiter), [])
        for delimiter in _DELIMITERS
    }
    wanted = set(columns.values())
    delimiter = max(
        _DELIMITERS,
        key=lambda d: (len(wanted & set(headers[d])), len(headers[d])),
    )
    found = headers[delimiter]
    _check_columns(path, columns, found)
    names = _distinct(found, wanted)
    kinds = {
        name: "DOUBLE" if name == columns.get("rating") else "VARCHAR"
        for name in names
    }
    return Layout(kinds, delimiter, header=True)


def _check_columns(
    path: Path, columns: dict[str, str], found: Sequence[str]
) -> None:
    for option, name in columns.items():
        times = list(found).count(name)
        if times == 1:
            continue
        if times:
            raise InputError(f"{path}: column {name!r} stands there twice")
        close = difflib.get_close_matches(name, found, n=1, cutoff=0.5)
        hint = f"; did you mean {close[0]!r}?" if close else ""
        listed = ", ".join(repr(column) for column in found)
        setting = f"Say which by --dataset=events({option}=COLUMN)"
        if option == "title":
            setting = "It must be called so"
        elif option != "domain":
            setting += f", or target_{option} if only the target table names "
            setting += "it so"
        raise InputError(
            f"{path}: no column {name!r} (the {option}){hint}. Its columns: "
            f"{listed}. {setting}"
        )


def _distinct(found: Sequence[str], wanted: set[str]) -> list[str]:
    """Names that DuckDB, which ignores case, can tell apart."""
    taken = {name.lower() for name in wanted}
    names = []
    for position, name in enumerate(found, 1):
        if name not in wanted and (not name or name.lower() in taken):
            name = f"{name or 'column'} ({position})"
        taken.add(name.lower())
        names.append(name)
    return names


def _read_parquet(
    connection: duckdb.DuckDBPyConnection, raw: str, table: EventTable
) -> None:
    file = "read_parquet($path)"
    parameters = {"path": str(table.path)}
    try:
        described = connection.execute(f"DESCRIBE FROM {file}", parameters)
        found = [name for name, *_ in described.fetchall()]
        _check_columns(table.path, table.columns, found)
        kept = dict.fromkeys(table.columns.values())
        selected = ", ".join(map(quoted, kept))
        connection.execute(
            f"CREATE TABLE {raw} AS SELECT {selected} FROM {file}", parameters
        )
    except (duckdb.InvalidInputException, duckdb.IOException) as error:
        raise InputError(
            f"{table.path} is not readable as Parquet: {error}"
        ) from error


_NUMBERS, _DATES = "numbers", "dates"
_EXPECTED_TIME = {
    _NUMBERS: "the time should be a number, as others in this column are",
    _DATES: "the time should be a date like 2024-05-31 or 2024-05-31 12:00:00",
}


def _time_kind(
    connection: duckdb.DuckDBPyConnection, raw: str, table: EventTable
) -> str:
    """What most of the first times are: numbers or dates."""
    if not table.time:
        return "absent"
    is_number = f"CAST({_cast(table.time, _NUMBERS)} IS NOT NULL AS INTEGER)"
    numbers = connection.execute(
        f"SELECT coalesce(avg({is_number}), 1) FROM (FROM {raw} LIMIT 1000)"
    ).fetchone()
    return _NUMBERS if numbers is None or numbers[0] >= 0.5 else _DATES


def _cast(column: str, kind: str) -> str:
    """SQL of a time: as it is, or microseconds since 1970."""
    if kind == _NUMBERS:
        return f"TRY_CAST(CAST({quoted(column)} AS VARCHAR) AS BIGINT)"
    text = f"CAST({quoted(column)} AS VARCHAR)"
    return f"epoch_us(TRY_CAST({text} AS TIMESTAMPTZ))"


def _reject(
    connection: duckdb.DuckDBPyConnection,
    rejects: Rejects,
    raw: str,
    table: EventTable,
    layout: Layout | None,
    kind: str,
) -> None:
    wrong = {
        column: (f"coalesce({_as_text(column)}, '') = ''", problem)
        for column, problem in (
            (table.user, "the user is missing"),
            (table.item, "the item is missing"),
        )
    }
    if table.time:
        missing = f"{table.sql_time(kind)} IS NULL"
        wrong[table.time] = (missing, _EXPECTED_TIME[kind])
    if table.rating:
        missing = f"coalesce(isnan({table.sql_rating}), true)"
        wrong[table.rating] = (missing, "the rating is missing")
    reject_where(connection, rejects, raw, table.path, layout, wrong)


def make_views(
    connection: duckdb.DuckDBPyConnection,
    raw: str,
    table: EventTable,
    kind: str,
) -> None:
    """Makes the domain's view of `read_table`'s rows, and its categories'."""
    connection.execute(
        f"CREATE VIEW {table.domain} AS SELECT {_as_text(table.user)} AS user, "
        f"{_as_text(table.item)} AS item, {table.sql_time(kind)} AS time, "
        f"{table.sql_rating} AS rating, rowid AS row FROM {raw} "
        f"WHERE {table.is_in_domain} AND {table.is_kept}"
    )
    if table.category:
        connection.execute(
            f"CREATE VIEW {table.domain}_categories AS SELECT "
            f"{_as_text(table.item)} AS item, "
            f"{_as_text(table.category)} AS category FROM {raw} "
            f"WHERE {table.is_in_domain}"
        )


def check_value(
    connection: duckdb.DuckDBPyConnection, raw: str, table: EventTable
) -> None:
    """Some rows are of the domain.

    Raises:
      InputError: None are; says what stands in the column.
    """
    if not table.part or count_where(connection, raw, table.is_in_domain):
        return
    part = _as_text(table.part)
    rows = connection.execute(
        f"SELECT {part}, count(*) AS times FROM {raw} GROUP BY 1 "
        f"ORDER BY times DESC, 1 LIMIT {_MAX_VALUES}"
    ).fetchall()
    found = ", ".join(f"{value!r} ({times:,} rows)" for value, times in rows)
    raise InputError(
        f"--dataset=events({table.domain}_domain={table.value}): no row of "
        f"{table.path} has {table.value!r} in column {table.part!r}; the most "
        f"frequent there: {found or 'nothing'}"
    )


def count_where(
    connection: duckdb.DuckDBPyConnection, raw: str, condition: str
) -> int:
    """How many rows a SQL condition is true of."""
    row = connection.execute(
        f"SELECT count(*) FROM {raw} WHERE {condition}"
    ).fetchone()
    assert row is not None  # An aggregate has one row.
    return row[0]


def _as_text(column: str) -> str:
    return f"CAST({quoted(column)} AS VARCHAR)"
