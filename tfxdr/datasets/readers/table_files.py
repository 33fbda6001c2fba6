"""One file, or one query of a database, into a table of DuckDB."""

from __future__ import annotations

import contextlib
import dataclasses
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import duckdb

from tfxdr.datasets.readers.columns import Columns, find_layout, resolve
from tfxdr.datasets.readers.delimited import lines_of, read_delimited
from tfxdr.datasets.readers.files import (
    compression,
    encoding_of,
    is_parquet,
    scratch_folder,
)
from tfxdr.datasets.readers.json_rows import (
    is_json_lines,
    json_columns,
    lines_of_json,
    read_json_lines,
)
from tfxdr.datasets.readers.layout import Dialect
from tfxdr.datasets.readers.parquet import describe_parquet, read_parquet
from tfxdr.datasets.readers.queries import write_query
from tfxdr.datasets.readers.rejects import Rejects


@dataclasses.dataclass(frozen=True)
class Input:
    """A file, or a query of the database that is the file.

    `address` is one that is not of this machine; `path` then shows it.
    """

    path: Path
    query: str = ""
    address: str = ""

    @property
    def shown(self) -> str:
        """What the user has called it."""
        return self.address or str(self.path)


@dataclasses.dataclass(frozen=True)
class TableFile:
    """What was read of an input.

    Attributes:
      path: The file.
      names: A role, such as `user`, to the name of its column.
      rows: Rows of the file, malformed ones included.
      told: How the file is written.
      places: (line, text) of ascending row numbers of the table, from 0.
    """

    path: Path
    names: dict[str, str]
    rows: int
    told: str
    places: Callable[[Sequence[int]], list[tuple[int, str]]]


def read_file(
    connection: duckdb.DuckDBPyConnection,
    rejects: Rejects,
    table: str,
    source: Input,
    columns: Columns,
    dialect: Dialect,
    numeric: Sequence[str] = (),
) -> TableFile:
    """Creates `table` of the columns of an input: texts, or Parquet's types.

    Args:
      columns: A role to the column's name, or its number from 1.
      numeric: Roles of columns that hold numbers or dates.

    Raises:
      InputError: It is not readable, a column is missing, or more rows are
        malformed than allowed.
    """
    path = source.path
    if source.query:
        return _read_query(connection, table, source, columns)
    if is_parquet(path):
        return _read_parquet(connection, table, path, columns)
    if is_json_lines(path, dialect.encoding):
        return _read_json(connection, rejects, table, path, columns, dialect)
    return _read_delimited(
        connection, rejects, table, path, columns, dialect, numeric
    )


def columns_of(
    connection: duckdb.DuckDBPyConnection, path: Path, dialect: Dialect
) -> dict[str, str]:
    """Column to DuckDB's type; texts have texts."""
    if is_parquet(path):
        return describe_parquet(connection, path)
    if is_json_lines(path, dialect.encoding):
        return dict.fromkeys(json_columns(path, dialect.encoding), "VARCHAR")
    layout, _ = find_layout(path, {}, dialect)
    return dict(layout.columns)


def _read_parquet(connection, table, path, columns: Columns) -> TableFile:
    found = list(describe_parquet(connection, path))
    names = resolve(path, columns, found)
    rows_of, rows = read_parquet(connection, table, path, names)

    def places(wanted: Sequence[int]) -> list[tuple[int, str]]:
        return [(row, "") for row in rows_of(wanted)]

    return TableFile(path, names, rows, "Parquet", places)


def _read_query(
    connection, table, source: Input, columns: Columns
) -> TableFile:
    @contextlib.contextmanager
    def result() -> Iterator[Path]:
        with tempfile.TemporaryDirectory(
            prefix="tfxdr-query-", dir=scratch_folder(connection)
        ) as folder:
            path = Path(folder) / "result.parquet"
            write_query(source.path, source.query, path)
            yield path

    def places(wanted: Sequence[int]) -> list[tuple[int, str]]:
        # Rare enough to ask again, rather than to keep the result.
        again = "asked_again"
        with result() as path:
            read = _read_parquet(connection, again, path, columns)
            found = read.places(wanted)
        connection.execute(f"DROP TABLE {again}")
        return found

    with result() as path:
        read = _read_parquet(connection, table, path, columns)
    return TableFile(source.path, read.names, read.rows, "a query", places)


def _read_json(
    connection, rejects, table, path, columns: Columns, dialect: Dialect
) -> TableFile:
    encoding = dialect.encoding
    names = resolve(path, columns, json_columns(path, encoding))
    kept = list(dict.fromkeys(names.values()))
    item = names.get("item", "")
    rows = read_json_lines(
        connection, rejects, table, path, kept, item, encoding
    )

    def places(wanted: Sequence[int]) -> list[tuple[int, str]]:
        return lines_of_json(path, kept, item, wanted, encoding)

    told = f"JSON lines, {_written(path, encoding or encoding_of(path))}"
    return TableFile(path, names, rows, told, places)


def _read_delimited(
    connection, rejects, table, path, columns, dialect, numeric
) -> TableFile:
    layout, names = find_layout(path, columns, dialect, numeric)
    kept = list(dict.fromkeys(names.values()))
    read_delimited(connection, rejects, table, path, layout, kept)

    def places(wanted: Sequence[int]) -> list[tuple[int, str]]:
        return lines_of(connection, path, layout, wanted, rejects)

    told = f"{_written(path, layout.encoding)}, {layout}"
    return TableFile(path, names, rejects.read[path], told, places)


def _written(path: Path, encoding: str) -> str:
    kind = compression(path)
    return f"{kind}, encoding {encoding}" if kind else f"encoding {encoding}"
