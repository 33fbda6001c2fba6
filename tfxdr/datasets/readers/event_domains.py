"""Both domains' tables of events, read so that they compare."""

from __future__ import annotations

from collections.abc import Sequence

import duckdb

from tfxdr.datasets.readers import ids
from tfxdr.datasets.readers.event_table import (
    EventTable,
    ReadTable,
    check_value,
    count_where,
    make_views,
    read_table,
)
from tfxdr.datasets.readers.rejects import Rejects
from tfxdr.datasets.readers.times import UNIT_NAMES, UNITS, Times, common_scale
from tfxdr.errors import InputError


class EventDomains:
    """Makes the views `source` and `target` of two tables of events.

    Args:
      source: The source domain's table.
      target: The target domain's, which may be the same files.
      id_rule: `exact`, `whole` or "", as the option `ids` of `events`.
    """

    def __init__(self, source: EventTable, target: EventTable, id_rule: str):
        self.tables = source, target
        self._id_rule = id_rule
        self._read: dict[str, ReadTable] = {}

    def load(
        self, connection: duckdb.DuckDBPyConnection, rejects: Rejects
    ) -> None:
        """Reads both.

        Raises:
          InputError: Their times do not compare, or a table is not as it
            should be.
        """
        source, target = self.tables
        if source.reads_as(target):
            read = read_table(connection, rejects, "raw_events", source)
            self._read = {"source": read, "target": read}
        else:
            self._read = {
                table.domain: read_table(
                    connection, rejects, f"raw_{table.domain}", table
                )
                for table in self.tables
            }
        for table in self.tables:
            check_value(connection, table, self._read[table.domain])
        times = [self._read[table.domain].times for table in self.tables]
        scale = scale_of(self.tables, times, rejects)
        whole = self._whole_ids(connection, rejects)
        for table in self.tables:
            read = self._read[table.domain]
            make_views(connection, table, read, scale, whole)
        if self._read["source"] is not self._read["target"]:
            _note_times(connection, rejects)

    def _whole_ids(
        self, connection: duckdb.DuckDBPyConnection, rejects: Rejects
    ) -> bool:
        if self._id_rule:
            return self._id_rule == "whole"
        source, target = (
            f"SELECT {read.text('user')} FROM {read.raw} "
            f"WHERE {read.is_of(table)}"
            for table in self.tables
            for read in (self._read[table.domain],)
        )
        pair = ids.written_as_floats(connection, source, target)
        if pair is None:
            return False
        rejects.note(written_differently(pair))
        return True

    def counts(self, connection: duckdb.DuckDBPyConnection) -> dict[str, int]:
        """What became of the tables' rows, as far as reading goes."""
        counts = {}
        for table in self.tables:
            read, domain = self._read[table.domain], table.domain
            inside, kept = read.is_of(table), read.is_kept(table)
            counts[f"{domain}_rows"] = read.rows
            counts[f"{domain}_bad"] = read.bad
            counts[f"{domain}_listed"] = read.listed
            counts[f"{domain}_other"] = count_where(
                connection, read.raw, f"NOT ({inside})"
            )
            counts[f"filtered_{domain}"] = count_where(
                connection, read.raw, f"{inside} AND NOT ({kept})"
            )
        if self.tables[0].part != "":
            counts["other_domains"] = self._count_others(connection)
            counts["items_in_both"] = count_where(
                connection,
                "(SELECT DISTINCT item FROM source) "
                "SEMI JOIN (SELECT DISTINCT item FROM target) USING (item)",
                "true",
            )
        return counts

    def _count_others(self, connection: duckdb.DuckDBPyConnection) -> int:
        """Rows of neither domain."""
        source, target = (self._read[table.domain] for table in self.tables)
        if source is target:
            either = " OR ".join(source.is_of(table) for table in self.tables)
            return count_where(connection, source.raw, f"NOT ({either})")
        return sum(
            count_where(connection, read.raw, f"NOT {read.is_of(table)}")
            for table, read in zip(self.tables, (source, target), strict=True)
        )


def _note_times(
    connection: duckdb.DuckDBPyConnection, rejects: Rejects
) -> None:
    """Says of domains of which one ends before the other begins."""
    spans = {}
    for domain in ("source", "target"):
        row = connection.execute(
            f"SELECT min(time), max(time) FROM {domain}"
        ).fetchone()
        if row is None or row[0] is None:
            return
        spans[domain] = row
    note_times_apart(spans["source"], spans["target"], rejects)


def note_times_apart(
    source: tuple[int, int], target: tuple[int, int], rejects: Rejects
) -> None:
    """Says of two spans of time of which one ends before the other begins."""
    # Sources that end first are how the split by time wants them.
    far = target[0] > 0 and source[1] * 100 < target[0]
    if source[0] > target[1] or far:
        rejects.note(
            f"note: source times are from {source[0]} to {source[1]}, target "
            f"times from {target[0]} to {target[1]}: they do not overlap. If "
            "they are not of one unit, say so by time_format and "
            "target_time_format"
        )


def written_differently(pair: tuple[str, str]) -> str:
    """A note on a user of two tables that write numbers in two ways."""
    return (
        f"note: users are written like {pair[0]!r} in one table and "
        f"{pair[1]!r} in the other; both are read as whole numbers "
        "(ids=exact keeps them apart)"
    )


def scale_of(
    tables: Sequence[EventTable], times: Sequence[Times], rejects: Rejects
) -> str:
    """What both tables' times are turned into; a note if they differ.

    Raises:
      InputError: They do not compare.
    """
    source, target = times
    scale = common_scale(source, target)
    if scale is None:
        first, second = (table.inputs[0].shown for table in tables)
        raise InputError(
            f"--dataset=events: times are {source.form} in {first} and "
            f"{target.form} in {second}; they must be of one kind; say "
            "what they are by time_format and target_time_format (s, ms, "
            "us, ns, date, or a format such as %d/%m/%Y)"
        )
    if source != target and scale in UNITS:
        rejects.note(
            f"note: source {source}, target {target}; both are read as "
            f"{UNIT_NAMES[scale]} since 1970"
        )
    return scale
