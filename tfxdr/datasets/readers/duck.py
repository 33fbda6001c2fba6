"""DuckDB, opened so that no file makes it fetch or load more code."""

from __future__ import annotations

from pathlib import Path

import duckdb

_CLOSED: dict[str, str | bool | int | float | list[str]] = {
    "autoinstall_known_extensions": False,
    "autoload_known_extensions": False,
}


def open_database(
    path: str | Path = ":memory:", *, read_only: bool = False
) -> duckdb.DuckDBPyConnection:
    """Opens a database, or makes one.

    A view or a file of somebody else may name what an extension reads, which
    DuckDB would download and run. Here it is an error that names it.

    Args:
      path: of its file; by default it is in memory.
      read_only: whether nothing can be written into it.
    """
    return duckdb.connect(str(path), read_only=read_only, config=_CLOSED)
