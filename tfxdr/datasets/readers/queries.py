"""Tables that are no files: of a database, and of Python's libraries."""

from __future__ import annotations

import contextlib
import re
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import duckdb

from tfxdr.datasets.readers.delimited import quoted
from tfxdr.datasets.readers.delimited import text as sql_text
from tfxdr.datasets.readers.duck import open_database
from tfxdr.datasets.readers.files import database_kind
from tfxdr.datasets.readers.stream import stream_rows
from tfxdr.errors import InputError

_QUERY = re.compile(r"\s*(select|with|from|values|table)\b", re.IGNORECASE)
# Objects that are tables, as messages name them.
TABLES = (
    "a path, a list of paths, a table of pandas, Polars or Arrow, or a "
    "relation of DuckDB"
)


def write_query(database: Path, query: str, result: Path) -> None:
    """Writes a query of a database file, or one of its tables, as Parquet.

    The database is opened for reading alone.

    Raises:
      InputError: It is no database of DuckDB or SQLite, or the query fails.
    """
    kind = database_kind(database)
    if not kind:
        raise InputError(
            f"--dataset=events(database=...): {database} is no database of "
            "DuckDB or SQLite"
        )
    if not _QUERY.match(query):
        query = "SELECT * FROM " + ".".join(map(quoted, query.split(".")))
    try:
        if kind == "sqlite":
            _write_sqlite(database, query, result)
        else:
            with open_database(database, read_only=True) as connection:
                _copy(connection, f"({query.rstrip().rstrip(';')})", result)
    # SQLite may quote bytes of a damaged file that are no text.
    except (duckdb.Error, sqlite3.Error, UnicodeDecodeError) as error:
        raise InputError(
            f"--dataset=events(database={database}): {query!r} fails: "
            f"{str(error).splitlines()[0]}"
        ) from error


def _copy(
    connection: duckdb.DuckDBPyConnection, query: str, result: Path
) -> None:
    connection.execute(
        f"COPY {query} TO {sql_text(str(result))} (FORMAT parquet)"
    )


def _write_sqlite(database: Path, query: str, result: Path) -> None:
    address = f"{database.absolute().as_uri()}?mode=ro"
    with (
        contextlib.closing(sqlite3.connect(address, uri=True)) as opened,
        open_database() as connection,
    ):
        cursor = opened.execute(query)
        names = [column[0] for column in cursor.description]
        places = {f"c{place}": "VARCHAR" for place in range(len(names))}
        stream_rows(connection, "rows", places, _texts(cursor))
        named = ", ".join(
            f"{place} AS {quoted(name)}"
            for place, name in zip(places, names, strict=True)
        )
        _copy(connection, f"(SELECT {named} FROM rows)", result)


def _texts(cursor: sqlite3.Cursor) -> Iterator[tuple]:
    for row in cursor:
        yield tuple(
            value.decode("utf-8", "replace")
            if isinstance(value, bytes)
            else None
            if value is None
            else str(value)
            for value in row
        )


def write_table(table: Any, path: Path) -> None:
    """Writes a table of pandas, Polars, Arrow or DuckDB as Parquet.

    Raises:
      InputError: It is none of these.
    """
    try:
        for method in ("write_parquet", "sink_parquet"):
            if hasattr(table, method):
                getattr(table, method)(str(path))
                return
        arrow = hasattr(table, "__arrow_c_stream__")
        if not arrow and not hasattr(table, "columns"):
            raise InputError(
                f"--dataset=events: expected {TABLES}, found "
                f"{type(table).__name__}"
            )
        with open_database() as connection:
            connection.register("given_table", table)
            _copy(connection, "(FROM given_table)", path)
    except (duckdb.Error, ImportError) as error:
        raise InputError(
            f"--dataset=events: the {type(table).__name__} is not readable as "
            f"a table: {str(error).splitlines()[0]}"
        ) from error
