"""Engines of preparation, by their names; equal in what they write."""

from __future__ import annotations

from tfxdr.data.engines.base import Engine
from tfxdr.errors import InputError

ENGINES = ("duckdb", "spark")


def engine_named(name: str, memory_limit: str) -> Engine:
    """An engine; what it is made of is imported when it is asked for.

    Args:
      name: One of `ENGINES`.
      memory_limit: For DuckDB.

    Raises:
      InputError: There is none of this name.
    """
    if name == "duckdb":
        from tfxdr.data.engines.duckdb_engine import DuckDBEngine

        return DuckDBEngine(memory_limit)
    if name == "spark":
        from tfxdr.data.engines.spark.engine import SparkEngine

        return SparkEngine(memory_limit)
    raise InputError(
        f"--engine should be one of {', '.join(ENGINES)}, found {name!r}"
    )
