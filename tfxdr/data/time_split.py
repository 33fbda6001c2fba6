"""What a split by time asks of the database."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import duckdb
import numpy as np

from tfxdr.data import database
from tfxdr.datasets.base import Source
from tfxdr.errors import InputError


def count_late(
    connection: duckdb.DuckDBPyConnection, boundary: int | None
) -> int:
    """Source events at or after a time."""
    if boundary is None:
        return 0
    return database.value(
        connection, f"SELECT count(*) FROM source WHERE time >= {boundary}"
    )


def check_times(connection: duckdb.DuckDBPyConnection, source: Source) -> None:
    """Every event of both domains has a time, and there are targets.

    Raises:
      InputError: One has not, or there are none.
    """
    check_target(source)
    for domain in ("source", "target"):
        events = database.count_rows(connection, domain)
        timed = f"SELECT count(time) FROM {domain}"
        check_timed(source, domain, database.value(connection, timed) == events)


def check_target(source: Source) -> None:
    """There is a target domain to cut in time.

    Raises:
      InputError: There is none.
    """
    if not source.has_target:
        raise InputError(
            f"--split=time needs a target domain, but --dataset={source.name} "
            "has none with these options; choose --split=random"
        )


def check_timed(source: Source, domain: str, timed: bool) -> None:
    """Whether a domain's events are timed is as a cut in time needs it.

    Raises:
      InputError: They are not.
    """
    if not timed:
        raise InputError(
            f"--split=time needs times, but the {domain} events of "
            f"--dataset={source.name} have none; choose --split=random or "
            "--split=leave-one-out"
        )


def time_boundaries(
    connection: duckdb.DuckDBPyConnection,
    target: database.Domain,
    fractions: tuple[float, float, float],
) -> tuple[int, int]:
    """`boundaries` of a table of target events."""
    least, most = (
        database.value(connection, f"SELECT {which}(time) FROM {target.name}")
        for which in ("min", "max")
    )

    def times_at(positions: Sequence[int]) -> list[int]:
        return [
            database.value(
                connection,
                f"SELECT time FROM {target.name} ORDER BY time "
                f"LIMIT 1 OFFSET {position}",
            )
            for position in positions
        ]

    count = database.count_rows(connection, target.name)
    return boundaries(count, least, most, fractions, times_at)


def boundaries(
    count: int,
    least: int,
    most: int,
    fractions: tuple[float, float, float],
    times_at: Callable[[Sequence[int]], Sequence[int]],
) -> tuple[int, int]:
    """The times from which targets are for validation, and for test.

    Each is the time of the first instance after the share before it; all
    instances of that very time belong to the later part.

    Args:
      count: Target instances.
      least: The first of their times.
      most: The last.
      fractions: Shares of training, validation and test.
      times_at: The times at positions, from 0, in ascending order.

    Raises:
      InputError: Times are equal, so that nothing is before the first cut.
    """
    if least == most and count > 1:
        raise _coarse(f"all {count:,} target events have one time ({least})")
    shares = np.cumsum(fractions)[:2]
    positions = [min(int(share * count), count - 1) for share in shares]
    validation, test = times_at(positions)
    if validation == least and positions[0] > 0:
        raise _coarse(
            f"so many target events have the earliest time ({least}) that none "
            "are left for training"
        )
    return validation, test


def _coarse(what: str) -> InputError:
    return InputError(
        f"--split=time: {what}; choose --split=random or "
        "--split=leave-one-out, or bring finer times"
    )
