"""The split by time: one cut for everybody, by DuckDB."""

from __future__ import annotations

import duckdb
import numpy as np

from tfxdr.data.database import Domain, count_rows, scalar
from tfxdr.datasets.base import Source
from tfxdr.errors import InputError

_NO_ORDER = "Choose --split=random or leave-one-out, or bring finer times"


def count_late(
    connection: duckdb.DuckDBPyConnection, boundary: int | None
) -> int:
    """Source events at or after a time."""
    if boundary is None:
        return 0
    return scalar(
        connection, f"SELECT count(*) FROM source WHERE time >= {boundary}"
    )


def check_times(connection: duckdb.DuckDBPyConnection, source: Source) -> None:
    """Every event of both domains has a time, and there are targets.

    Raises:
      InputError: One has not, or there are none.
    """
    if not source.has_target:
        raise InputError(
            f"--split=time needs a target domain, but --dataset={source.name} "
            "has none with these options. Choose --split=random"
        )
    for domain in ("source", "target"):
        if scalar(connection, f"SELECT count(time) FROM {domain}") < count_rows(
            connection, domain
        ):
            raise InputError(
                f"--split=time needs times, but the {domain} events of "
                f"--dataset={source.name} have none. Choose --split=random or "
                "--split=leave-one-out"
            )


def time_boundaries(
    connection: duckdb.DuckDBPyConnection,
    target: Domain,
    fractions: tuple[float, float, float],
) -> tuple[int, int]:
    """The times from which targets are for validation, and for test.

    Each is the time of the first instance after the share before it; all
    instances of that very time belong to the later part.

    Raises:
      InputError: Times are equal, so that nothing is before the first cut.
    """
    count = count_rows(connection, target.name)
    least, most = (
        scalar(connection, f"SELECT {which}(time) FROM {target.name}")
        for which in ("min", "max")
    )
    if least == most and count > 1:
        raise InputError(
            f"--split=time: all {count:,} target events have the same time "
            f"({least}), so that none is before another. {_NO_ORDER}"
        )
    shares = np.cumsum(fractions)[:2]
    positions = [min(int(share * count), count - 1) for share in shares]
    validation, test = (
        scalar(
            connection,
            f"SELECT time FROM {target.name} ORDER BY time "
            f"LIMIT 1 OFFSET {position}",
        )
        for position in positions
    )
    if validation == least and positions[0] > 0:
        raise InputError(
            "--split=time: so many target events have the earliest time "
            f"({least}) that none are left for training. {_NO_ORDER}"
        )
    return validation, test
