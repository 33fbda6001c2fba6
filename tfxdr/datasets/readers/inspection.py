"""A first look at files: columns, and which of them are what."""

from __future__ import annotations

import dataclasses
import itertools
import json
import re
from collections.abc import Sequence
from pathlib import Path

import duckdb

from tfxdr.datasets.readers.columns import find_layout
from tfxdr.datasets.readers.delimited import no_pattern, quoted
from tfxdr.datasets.readers.delimited import text as sql_text
from tfxdr.datasets.readers.files import encoding_of, is_parquet, open_text
from tfxdr.datasets.readers.ids import MISSING
from tfxdr.datasets.readers.json_rows import is_json_lines
from tfxdr.datasets.readers.layout import (
    Dialect,
    is_number_or_date,
    sample_lines,
    split,
)
from tfxdr.datasets.readers.parquet import describe_parquet

_SAMPLE = 1000
_EXAMPLES = 3
_NUMBER = re.compile(r"\s*[-+]?(\d+\.?\d*|\.\d+)([eE][-+]?\d+)?\s*")

# Words by which columns are called, most telling first; letters only.
_WORDS = {
    "user": (
        "user userid uid customer customerid customernumber member memberid "
        "visitor visitorid client clientid account accountid buyer reviewer "
        "reviewerid person personid session sessionid"
    ),
    "item": (
        "item itemid product productid sku asin article articleid movie "
        "movieid book bookid isbn track trackid song songid content contentid "
        "business businessid goods ad adid video videoid"
    ),
    "time": (
        "timestamp time datetime date ts unixtime eventtime clickedat boughtat "
        "createdat orderedat viewedat unixreviewtime orderdate"
    ),
    "rating": "rating stars score overall grade",
}
_PARTS = {
    "user": ("user", "customer", "member", "visitor", "client", "reviewer"),
    "item": ("item", "product", "sku", "article", "movie", "book", "track"),
    "time": ("time", "date"),
    "rating": ("rating", "stars"),
}


@dataclasses.dataclass(frozen=True)
class Column:
    """A column of a file, as its first rows show it.

    Attributes:
      name: Its name; "" in a file without a header.
      number: Its place, from 1.
      kind: `number`, `date`, `text`, or DuckDB's type of Parquet.
      missing: The share of the first rows in which nothing stands.
      examples: Some values.
      values: All values of the first rows.
    """

    name: str
    number: int
    kind: str
    missing: float
    examples: tuple[str, ...]
    values: frozenset[str] = frozenset()

    @property
    def called(self) -> str | int:
        """What an option of `events` calls it."""
        return self.name or self.number

    @property
    def is_time(self) -> bool:
        dated = self.kind == "date" or self.kind.startswith(("DATE", "TIMEST"))
        sizes = [
            abs(float(text))
            for text in self.examples
            if _NUMBER.fullmatch(text)
        ]
        return dated or bool(sizes) and min(sizes) > 10**8


def look_at(connection: duckdb.DuckDBPyConnection, path: Path) -> list[Column]:
    """The columns of a file, by its first rows.

    Raises:
      InputError: It is not readable.
    """
    if is_parquet(path):
        return _of_parquet(connection, path)
    if is_json_lines(path):
        names, rows = _json_sample(path)
        return _columns(names, rows)
    layout, _ = find_layout(path, {}, Dialect())
    fields: list[Sequence[str | None]] = [
        split(line, layout.delimiter, layout.quote)
        for line in sample_lines(path, layout.encoding)
    ]
    names = list(layout.columns)
    if not layout.header:
        names = [""] * len(names)
    return _columns(names, fields[int(layout.header) :])


def _of_parquet(
    connection: duckdb.DuckDBPyConnection, path: Path
) -> list[Column]:
    kinds = describe_parquet(connection, path)
    selected = ", ".join(f"CAST({quoted(name)} AS VARCHAR)" for name in kinds)
    rows = connection.execute(
        f"SELECT {selected} FROM read_parquet({sql_text(no_pattern(path))}) "
        f"LIMIT {_SAMPLE}"
    ).fetchall()
    return [
        dataclasses.replace(column, kind=kinds[column.name])
        for column in _columns(list(kinds), rows)
    ]


def _json_sample(path: Path) -> tuple[list[str], list[list[str | None]]]:
    objects = []
    with open_text(path, encoding_of(path)) as file:
        for line in itertools.islice(file, _SAMPLE):
            try:
                value = json.loads(line.strip("\ufeff \t\r\n"))
            except ValueError:
                continue  # Counted when the file is read as a whole.
            if isinstance(value, dict):
                objects.append(value)
    names = list(dict.fromkeys(itertools.chain.from_iterable(objects)))
    return names, [
        [_shown(entry.get(name)) for name in names] for entry in objects
    ]


def _shown(value: object) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False)


def _columns(
    names: Sequence[str], rows: Sequence[Sequence[str | None]]
) -> list[Column]:
    columns = []
    for place, name in enumerate(names):
        values = [row[place] if place < len(row) else None for row in rows]
        known = [
            value
            for value in values
            if value and value.strip() and value.strip() not in MISSING
        ]
        examples = tuple(dict.fromkeys(known))[:_EXAMPLES]
        missing = 1 - len(known) / len(values) if values else 0.0
        seen = frozenset(known)
        columns.append(
            Column(name, place + 1, _kind(known), missing, examples, seen)
        )
    return columns


def _kind(values: Sequence[str]) -> str:
    if not values:
        return "empty"
    if all(map(_NUMBER.fullmatch, values)):
        return "number"
    return "date" if all(map(is_number_or_date, values)) else "text"


def guess_roles(
    columns: Sequence[Column], other: Sequence[Column] = ()
) -> dict[str, Column]:
    """Which columns are `user`, `item`, `time`, `rating`, as far as seen.

    By their names first; then by what stands in them: of columns without a
    telling name, a time is a date or a large number, the user is what has
    most values in common with a column of the other file, else the first, and
    the item the first of the rest.

    Args:
      columns: The file's.
      other: The other file's.
    """
    roles: dict[str, Column] = {}
    for role, words in _WORDS.items():
        named = {_letters(column.name): column for column in columns}
        exact = [named[word] for word in words.split() if word in named]
        partly = [
            column
            for column in columns
            if any(part in _letters(column.name) for part in _PARTS[role])
        ]
        free = [
            column
            for column in [*exact, *partly]
            if column not in roles.values()
            and (role != "rating" or column.kind != "text")
        ]
        if free:
            roles[role] = free[0]
    rest = [column for column in columns if column not in roles.values()]
    if "time" not in roles:
        times = [column for column in rest if column.is_time]
        if times:
            roles["time"] = times[0]
            rest.remove(times[0])
    for role in ("user", "item"):
        if role not in roles and rest:
            if role == "user":
                rest.sort(key=lambda column: -_in_common(column, other))
            roles[role] = rest.pop(0)
            rest.sort(key=lambda column: column.number)
    return roles


def _in_common(column: Column, other: Sequence[Column]) -> int:
    return max((len(column.values & one.values) for one in other), default=0)


def _letters(name: str) -> str:
    return re.sub(r"[^a-z]", "", name.partition(":")[0].lower())
