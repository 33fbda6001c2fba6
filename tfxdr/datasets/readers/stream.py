"""Rows from Python into DuckDB; memory holds one batch of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import duckdb
import numpy as np

from tfxdr.datasets.base import insert_arrays

_BATCH = 1 << 16
_DTYPES = {"VARCHAR": object, "DOUBLE": np.float64, "BIGINT": np.int64}


def stream_rows(
    connection: duckdb.DuckDBPyConnection,
    table: str,
    columns: Mapping[str, str],
    rows: Iterator[tuple],
) -> int:
    """Creates `table`, batch by batch; returns the number of rows.

    Args:
      columns: Name to VARCHAR, DOUBLE or BIGINT, in the order of the values.
    """
    declared = ", ".join(f"{name} {kind}" for name, kind in columns.items())
    connection.execute(f"CREATE TABLE {table} ({declared})")
    batch: list[tuple] = []
    count = 0
    for row in rows:
        batch.append(row)
        if len(batch) == _BATCH:
            _append(connection, table, columns, batch)
            count += len(batch)
            batch = []
    if batch:
        _append(connection, table, columns, batch)
    return count + len(batch)


def _append(
    connection: duckdb.DuckDBPyConnection,
    table: str,
    columns: Mapping[str, str],
    batch: list[tuple],
) -> None:
    arrays = {
        name: np.array(values, _DTYPES[kind])
        for (name, kind), values in zip(
            columns.items(), zip(*batch, strict=True), strict=True
        )
    }
    insert_arrays(connection, "streamed_batch", arrays)
    connection.execute(f"INSERT INTO {table} FROM streamed_batch")
    connection.execute("DROP TABLE streamed_batch")
