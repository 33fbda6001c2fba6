"""The user's own two tables of events."""

from __future__ import annotations

import csv
import dataclasses
import difflib
from collections.abc import Sequence
from pathlib import Path

import duckdb

from tfxdr.data.delimited import (
    Layout,
    first_line,
    quoted,
    read_delimited,
    reject_where,
)
from tfxdr.data.rejects import Rejects
from tfxdr.data.source import Source
from tfxdr.errors import InputError
from tfxdr.registry import datasets

_DELIMITERS = (",", "\t", ";", "|")
_PARQUET = (".parquet", ".pq")


@dataclasses.dataclass(frozen=True)
class _Table:
    """A domain's file and the names of its columns ("" if it has none)."""

    domain: str
    path: Path
    user: str
    item: str
    time: str
    rating: str
    least: float | None
    most: float | None

    @property
    def columns(self) -> dict[str, str]:
        """What an option of `events` calls a column, to its name."""
        named = {"user": self.user, "item": self.item}
        named |= {"time": self.time, "rating": self.rating}
        return {option: name for option, name in named.items() if name}


@datasets.register("events")
class Events(Source):
    """Two tables of events, CSV or Parquet, joined on the user.

    A CSV names its columns in the first line, separates fields by comma, tab,
    semicolon or bar, is UTF-8, plain or gzipped. Times are numbers (seconds,
    milliseconds, ...; fractions are rounded) or dates like
    `2024-05-31 12:00:00`, of one kind in both tables.

    Args:
      source: The source domain's events, `.csv`, `.csv.gz` or `.parquet`.
      target: The target domain's events.
      user: The column of the user's id, the same ids in both tables.
      item: The column of the item's id.
      time: The column of the time; "" if there is none, and the rows of a
        user are in order.
      rating: The column of the rating; "" if there is none.
      target_user: That column of the target table, if it has another name.
      target_item: Likewise.
      target_time: Likewise.
      target_rating: Likewise.
      source_min: Source events rated lower are left out.
      source_max: Source events rated higher are left out.
      target_min: Target events rated lower are left out.
      target_max: Target events rated higher are left out.
      source_titles: A CSV with columns `item` (named as above) and `title`.
      target_titles: Likewise.
    """

    def __init__(
        self,
        source: str = "",
        target: str = "",
        user: str = "user",
        item: str = "item",
        time: str = "timestamp",
        rating: str = "",
        target_user: str = "",
        target_item: str = "",
        target_time: str = "",
        target_rating: str = "",
        source_min: float | None = None,
        source_max: float | None = None,
        target_min: float | None = None,
        target_max: float | None = None,
        source_titles: str = "",
        target_titles: str = "",
    ):
        self.source = self.check_path(source, "source")
        self.target = self.check_path(target, "target")
        self.user, self.item = user, item
        self.time, self.rating = time, rating
        self.target_user, self.target_item = target_user, target_item
        self.target_time, self.target_rating = target_time, target_rating
        self.source_min, self.source_max = source_min, source_max
        self.target_min, self.target_max = target_min, target_max
        self.source_titles = self._optional(source_titles, "source_titles")
        self.target_titles = self._optional(target_titles, "target_titles")
        self._check_filters()

    def _optional(self, path: str, option: str) -> Path | None:
        return self.check_path(path, option) if path else None

    def _check_filters(self) -> None:
        for table in self._tables():
            if not table.rating and (table.least, table.most) != (None, None):
                raise InputError(
                    f"--dataset=events: {table.domain}_min and "
                    f"{table.domain}_max need the option rating=COLUMN"
                )

    def _tables(self) -> tuple[_Table, _Table]:
        source = _Table(
            "source",
            self.source,
            self.user,
            self.item,
            self.time,
            self.rating,
            self.source_min,
            self.source_max,
        )
        target = _Table(
            "target",
            self.target,
            self.target_user or self.user,
            self.target_item or self.item,
            self.target_time or self.time,
            self.target_rating or self.rating,
            self.target_min,
            self.target_max,
        )
        return source, target

    def files(self) -> list[Path]:
        titles = [self.source_titles, self.target_titles]
        return [self.source, self.target, *(path for path in titles if path)]

    def options(self) -> dict[str, object]:
        # Without it the two titles files could be swapped unnoticed.
        titled = {
            f"{domain}_titles": bool(getattr(self, f"{domain}_titles"))
            for domain in ("source", "target")
        }
        return super().options() | titled

    def load(self, connection, rejects) -> None:
        kinds = {}
        for table in self._tables():
            raw = f"raw_{table.domain}"
            if table.path.suffix in _PARQUET:
                _read_parquet(connection, raw, table)
                layout = None
            else:
                layout = _layout(table.path, table.columns)
                read_delimited(
                    connection,
                    rejects,
                    raw,
                    table.path,
                    layout,
                    list(table.columns.values()),
                )
            kinds[table.domain] = _time_kind(connection, raw, table)
            _make_view(
                connection, rejects, raw, table, layout, kinds[table.domain]
            )
        if len(set(kinds.values())) > 1:
            raise InputError(
                f"--dataset=events: times are {kinds['source']} in "
                f"{self.source} and {kinds['target']} in {self.target}; they "
                "must be of one kind"
            )
        self._read_titles(connection, rejects)

    def _read_titles(self, connection, rejects) -> None:
        for table, path in zip(
            self._tables(),
            (self.source_titles, self.target_titles),
            strict=True,
        ):
            if path is None:
                continue
            columns = {"item": table.item, "title": "title"}
            layout = _layout(path, columns)
            raw = f"raw_{table.domain}_titles"
            read_delimited(
                connection, rejects, raw, path, layout, list(columns.values())
            )
            connection.execute(
                f"CREATE VIEW {table.domain}_titles AS SELECT "
                f"{quoted(table.item)} AS item, title FROM {raw}"
            )


def _layout(path: Path, columns: dict[str, str]) -> Layout:
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
        setting = (
            "It must be called so"
            if option == "title"
            else f"Say which by --dataset=events({option}=COLUMN), or "
            f"target_{option} if only the target table names it so"
        )
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
    connection: duckdb.DuckDBPyConnection, raw: str, table: _Table
) -> None:
    file = "read_parquet($path)"
    parameters = {"path": str(table.path)}
    try:
        described = connection.execute(f"DESCRIBE FROM {file}", parameters)
        found = [name for name, *_ in described.fetchall()]
        _check_columns(table.path, table.columns, found)
        selected = ", ".join(map(quoted, table.columns.values()))
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
    connection: duckdb.DuckDBPyConnection, raw: str, table: _Table
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


def _make_view(
    connection: duckdb.DuckDBPyConnection,
    rejects: Rejects,
    raw: str,
    table: _Table,
    layout: Layout | None,
    kind: str,
) -> None:
    """Makes the domain's view, of the raw table's right rows."""
    user, item = (
        f"CAST({quoted(name)} AS VARCHAR)" for name in (table.user, table.item)
    )
    time = _cast(table.time, kind) if table.time else "CAST(NULL AS BIGINT)"
    rating = (
        f"CAST({quoted(table.rating)} AS DOUBLE)"
        if table.rating
        else "CAST(NULL AS DOUBLE)"
    )
    wrong = {
        table.user: (f"coalesce({user}, '') = ''", "the user is missing"),
        table.item: (f"coalesce({item}, '') = ''", "the item is missing"),
    }
    if table.time:
        wrong[table.time] = (f"{time} IS NULL", _EXPECTED_TIME[kind])
    if table.rating:
        missing = f"coalesce(isnan({rating}), true)"
        wrong[table.rating] = (missing, "the rating is missing")
    reject_where(connection, rejects, raw, table.path, layout, wrong)
    filters = [
        f"{rating} {sign} {limit}"
        for sign, limit in ((">=", table.least), ("<=", table.most))
        if limit is not None
    ]
    connection.execute(
        f"CREATE VIEW {table.domain} AS SELECT {user} AS user, {item} AS item, "
        f"{time} AS time, {rating} AS rating, rowid AS row FROM {raw} "
        f"WHERE {' AND '.join(filters) or 'true'}"
    )
