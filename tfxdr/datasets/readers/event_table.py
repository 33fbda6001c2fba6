"""A domain's table of events with columns that the user names."""

from __future__ import annotations

import bisect
import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path

import duckdb

from tfxdr.datasets.readers import ids
from tfxdr.datasets.readers.columns import Columns
from tfxdr.datasets.readers.delimited import quoted, reject_rows
from tfxdr.datasets.readers.delimited import text as sql_text
from tfxdr.datasets.readers.layout import Dialect
from tfxdr.datasets.readers.rejects import Rejects
from tfxdr.datasets.readers.table_files import Input, TableFile, read_file
from tfxdr.datasets.readers.times import ABSENT, Times, ask_table, find_times
from tfxdr.errors import InputError

MAX_VALUES = 10


@dataclasses.dataclass(frozen=True)
class EventTable:
    """A domain's files and their columns ("" if they have none).

    `part` is the column that says which rows are of the domain, and `value`
    what stands there in them. Of these rows only those rated from `least` to
    `most` are events.
    """

    domain: str
    inputs: tuple[Input, ...]
    user: str | int
    item: str | int
    time: str | int
    rating: str | int
    category: str | int
    least: float | None
    most: float | None
    part: str | int
    value: str
    dialect: Dialect = dataclasses.field(default_factory=Dialect)
    time_format: str = ""
    missing: tuple[str, ...] = ids.MISSING
    split: str | int = ""

    @property
    def columns(self) -> Columns:
        """What an option of `events` calls a column, to its name."""
        named = {"user": self.user, "item": self.item}
        named |= {"time": self.time, "rating": self.rating}
        named |= {"category": self.category, "domain": self.part}
        named |= {"split": self.split}
        return {option: name for option, name in named.items() if name != ""}

    @property
    def shown(self) -> str:
        """The files' names, for a message."""
        first = self.inputs[0].path.name
        more = len(self.inputs) - 1
        return f"{first} and {more} more" if more else first

    def reads_as(self, other: EventTable) -> bool:
        """Whether both would be read into the same table."""
        same = [
            dataclasses.replace(table, domain="", value="", least=0, most=0)
            for table in (self, other)
        ]
        paths = [
            [(item.path.resolve(), item.query) for item in table.inputs]
            for table in (self, other)
        ]
        alike = [dataclasses.replace(table, inputs=()) for table in same]
        return paths[0] == paths[1] and alike[0] == alike[1]


@dataclasses.dataclass(frozen=True)
class ReadTable:
    """A table that was read.

    Attributes:
      raw: Its name in DuckDB.
      names: A role, such as `user`, to the name of its column.
      times: How times are written.
      rows: Rows of the files, malformed ones included.
      listed: Events more than rows, of lists.
      bad: Malformed rows.
      missing: Words for no value.
    """

    raw: str
    names: dict[str, str]
    times: Times
    rows: int
    listed: int
    bad: int
    missing: tuple[str, ...]

    def text(self, role: str) -> str:
        """SQL of a column as VARCHAR."""
        return _as_text(self.names[role])

    @property
    def rating(self) -> str:
        """SQL of the rating."""
        return _number(self.names.get("rating"))

    def time(self, scale: str) -> str:
        """SQL of the time, turned into what both tables' compare by."""
        text = self.text("time") if "time" in self.names else ""
        return self.times.sql(text, scale)

    @property
    def category(self) -> str:
        """SQL of the category; NULL where it is missing."""
        text = self.text("category")
        missing = ids.is_missing(text, self.missing)
        return f"CASE WHEN NOT {missing} THEN {text} END"

    @property
    def split(self) -> str:
        """SQL of the split, as a number; NULL of what is none."""
        text = f"lower(trim({self.text('split')}))"
        cases = " ".join(
            f"WHEN {text} IN ({', '.join(map(sql_text, words))}) THEN {number}"
            for number, words in enumerate(_SPLITS)
        )
        return f"CAST(CASE {cases} END AS TINYINT)"

    def is_of(self, table: EventTable) -> str:
        """SQL that is true of the domain's rows, false of all others."""
        if "domain" not in self.names:
            return "true"
        return (
            f"coalesce({self.text('domain')} = {sql_text(table.value)}, false)"
        )

    def is_kept(self, table: EventTable) -> str:
        """SQL that is true of rows rated as the domain's events are."""
        filters = [
            f"{self.rating} {sign} {limit}"
            for sign, limit in ((">=", table.least), ("<=", table.most))
            if limit is not None
        ]
        return " AND ".join(filters) or "true"


# What a column of splits can hold: training, validation, test.
_SPLITS = (
    ("train", "training"),
    ("validation", "valid", "val", "dev"),
    ("test", "testing"),
)


def read_table(
    connection: duckdb.DuckDBPyConnection,
    rejects: Rejects,
    raw: str,
    table: EventTable,
) -> ReadTable:
    """Creates `raw` of the right rows of the files.

    Raises:
      InputError: A column is missing, or more rows are malformed than allowed.
    """
    before = len(rejects)
    parts = _Parts(connection, rejects, raw, table)
    read_as_bad = len(rejects) - before
    events = count_where(connection, raw, "true")
    names = parts.files[0].names
    times = Times(ABSENT)
    if "time" in names:
        text = _as_text(names["time"])
        ask = ask_table(connection, raw)
        times = find_times(connection, ask, text, table.time_format)
    told = "; ".join(dict.fromkeys(file.told for file in parts.files))
    rejects.note(f"{table.shown}: {told}, {times}")
    wrong = wrong_rows(names, times, table.missing)
    reject_rows(connection, rejects, raw, wrong, parts.places)
    rows = sum(file.rows for file in parts.files)
    return ReadTable(
        raw=raw,
        names=names,
        times=times,
        rows=rows,
        listed=events - (rows - read_as_bad),
        bad=len(rejects) - before,
        missing=table.missing,
    )


class _Parts:
    """The files of a table, one behind the other."""

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        rejects: Rejects,
        raw: str,
        table: EventTable,
    ):
        self.files: list[TableFile] = []
        self.first: list[int] = []
        rows = 0
        alone = len(table.inputs) == 1
        for source in table.inputs:
            name = raw if alone else f"{raw}_part"
            file = read_file(
                connection,
                rejects,
                name,
                source,
                table.columns,
                table.dialect,
                () if "%" in table.time_format else ("time", "rating"),
            )
            self.first.append(rows)
            self.files.append(file)
            rows += count_where(connection, name, "true")
            if not alone:
                self._append(connection, raw, file.names)

    def _append(self, connection, raw: str, names: dict[str, str]) -> None:
        """Moves a part to the end of the table, as texts."""
        first = self.files[0].names
        selected = ", ".join(
            f"{_as_text(names[role])} AS {quoted(column)}"
            for column, role in {first[role]: role for role in first}.items()
        )
        made = len(self.files) > 1
        into = f"INSERT INTO {raw}" if made else f"CREATE TABLE {raw} AS"
        connection.execute(f"{into} SELECT {selected} FROM {raw}_part")
        connection.execute(f"DROP TABLE {raw}_part")

    def places(self, rows: Sequence[int]) -> list[tuple[Path, int, str]]:
        """(file, line, text) of ascending row numbers, from 0."""
        found = []
        for number, file in enumerate(self.files):
            first = self.first[number]
            last = [*self.first, rows[-1] + 1][number + 1]
            low, high = (bisect.bisect_left(rows, end) for end in (first, last))
            if low < high:
                here = [row - first for row in rows[low:high]]
                found += [
                    (file.path, line, text) for line, text in file.places(here)
                ]
        return found


def wrong_rows(
    names: Mapping[str, str], times: Times, missing: tuple[str, ...]
) -> list[tuple[str, str, str]]:
    """(column, SQL that is true of a wrong row, what is wrong)."""
    wrong = [
        (
            names[role],
            ids.is_missing(_as_text(names[role]), missing),
            ids.missing_text(role, missing),
        )
        for role in ("user", "item")
    ]
    if "time" in names:
        text = _as_text(names["time"])
        missing_time = f"{times.sql(text)} IS NULL"
        wrong.append((names["time"], missing_time, times.expected))
        if times.mixed:
            other = times.is_of_other_unit(text)
            wrong.append((names["time"], other, times.other_unit))
    if "split" in names:
        known = ", ".join(sql_text(word) for words in _SPLITS for word in words)
        strange = (
            f"coalesce(lower(trim({_as_text(names['split'])})), '') "
            f"NOT IN ({known})"
        )
        wrong.append(
            (names["split"], strange, "expected train, validation or test")
        )
    if "rating" in names:
        rating = _number(names["rating"])
        no_number = f"NOT coalesce(isfinite({rating}), false)"
        wrong.append(
            (names["rating"], no_number, "the rating is missing or no number")
        )
    return wrong


def make_views(
    connection: duckdb.DuckDBPyConnection,
    table: EventTable,
    read: ReadTable,
    scale: str,
    whole_ids: bool,
) -> None:
    """Makes the domain's view of `read_table`'s rows, and its categories'.

    Args:
      scale: What times are turned into.
      whole_ids: Whether users written like 1.0 are read as 1.
    """
    user = read.text("user")
    connection.execute(
        f"CREATE VIEW {table.domain} AS SELECT "
        f"{ids.whole(user) if whole_ids else user} AS user, "
        f"{read.text('item')} AS item, {read.time(scale)} AS time, "
        f"{read.rating} AS rating, rowid AS row"
        f"{f', {read.split} AS split' if 'split' in read.names else ''} "
        f"FROM {read.raw} "
        f"WHERE {read.is_of(table)} AND {read.is_kept(table)}"
    )
    if "category" in read.names:
        connection.execute(
            f"CREATE VIEW {table.domain}_categories AS SELECT "
            f"{read.text('item')} AS item, {read.category} AS category "
            f"FROM {read.raw} WHERE {read.is_of(table)}"
        )


def check_value(
    connection: duckdb.DuckDBPyConnection, table: EventTable, read: ReadTable
) -> None:
    """Some rows are of the domain.

    Raises:
      InputError: None are; says what stands in the column.
    """
    if "domain" not in read.names:
        return
    if count_where(connection, read.raw, read.is_of(table)):
        return
    rows = connection.execute(
        f"SELECT {read.text('domain')}, count(*) AS times FROM {read.raw} "
        f"GROUP BY 1 ORDER BY times DESC, 1 LIMIT {MAX_VALUES}"
    ).fetchall()
    raise no_value(table, read.names["domain"], rows)


def no_value(
    table: EventTable, column: str, found: Sequence[tuple[str | None, int]]
) -> InputError:
    """What is wrong with a table without rows of the domain.

    Args:
      table: The table.
      column: Of the domain.
      found: The most frequent values there, each with the number of its rows.
    """
    told = ", ".join(f"{value!r} ({times:,} rows)" for value, times in found)
    return InputError(
        f"--dataset=events({table.domain}_domain={table.value}): no row of "
        f"{table.inputs[0].shown} has {table.value!r} in column "
        f"{column!r}; the most frequent there: {told or 'nothing'}"
    )


def count_where(
    connection: duckdb.DuckDBPyConnection, raw: str, condition: str
) -> int:
    """How many rows a SQL condition is true of."""
    if condition in ("NOT (true)", "true AND NOT (true)"):
        return 0  # Not asked of each row.
    row = connection.execute(
        f"SELECT count(*) FROM {raw} WHERE {condition}"
    ).fetchone()
    assert row is not None  # An aggregate has one row.
    return row[0]


def _as_text(column: str) -> str:
    return f"CAST({quoted(column)} AS VARCHAR)"


def _number(column: str | None) -> str:
    """SQL of a number; a column of a list's type was refused before."""
    return f"TRY_CAST({quoted(column) if column else 'NULL'} AS DOUBLE)"
