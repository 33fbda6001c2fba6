"""Two tables of events, read by Spark, judged row by row by DuckDB's SQL.

What a missing id, a time or a rating is, is the SQL of the readers, which
Spark's tasks ask of their batches: a row means what it means to DuckDB."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb

from tfxdr.data.engines.spark import user_ids
from tfxdr.data.engines.spark.batch_query import BATCH, BatchQuery
from tfxdr.data.engines.spark.ordering import Facts
from tfxdr.data.engines.spark.raw import BROKEN, Raw, read_raw
from tfxdr.data.engines.spark.tables import Tables, attributes_of
from tfxdr.data.engines.spark.work import Work
from tfxdr.datasets.base import Source
from tfxdr.datasets.readers.delimited import text as sql_text
from tfxdr.datasets.readers.duck import open_database
from tfxdr.datasets.readers.event_domains import note_times_apart, scale_of
from tfxdr.datasets.readers.event_table import (
    MAX_VALUES,
    EventTable,
    ReadTable,
    no_value,
    wrong_rows,
)
from tfxdr.datasets.readers.rejects import BadRow, Rejects
from tfxdr.datasets.readers.times import (
    ABSENT,
    Times,
    ask_table,
    find_times,
    merge,
)

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

_BROKEN_ROW = "the row has too few or too many fields"
_JUDGED = {
    "user": "string",
    "item": "string",
    "time": "bigint",
    "rating": "double",
    "split": "tinyint",
    "category": "string",
    "inside": "boolean",
    "kept": "boolean",
    "wrong": "int",
    "told": "string",
}


@dataclasses.dataclass(frozen=True)
class _Table:
    """A domain's table, and how its rows are read."""

    events: EventTable
    raw: Raw
    read: ReadTable

    @property
    def wrong(self) -> list[tuple[str, str, str]]:
        """As `event_table.wrong_rows`; the first is of rows of other sizes."""
        broken = ("", f"{BROKEN} IS NOT NULL", _BROKEN_ROW)
        found = wrong_rows(self.read.names, self.read.times, self.read.missing)
        return [
            broken,
            *(
                (self.raw.shown[column], condition, problem)
                for column, condition, problem in found
            ),
        ]


def read_event_tables(
    work: Work,
    connection: duckdb.DuckDBPyConnection,
    source: Source,
    rejects: Rejects,
) -> Tables:
    """Reads a source that says its tables.

    Args:
      work: Takes what is read.
      connection: Takes the tables of items and of users.
      source: Whose `event_tables` they are.
      rejects: Takes malformed rows, and notes.

    Raises:
      NotBySpark: Spark would not read them just as DuckDB does.
      InputError: A table is not as it should be.
    """
    tables = _open_both(work, connection, source)
    judged = _judge_both(work, tables, rejects)
    counts = _count_both(tables, judged, rejects)
    good = {
        domain: rows.where("wrong IS NULL AND inside")
        for domain, rows in judged.items()
    }
    if user_ids.are_whole(source, good, rejects):
        good = {d: user_ids.without_decimals(rows) for d, rows in good.items()}
    found = {domain: rows.where("kept") for domain, rows in good.items()}
    if not _are_same(tables):
        _note_times(found, rejects)
    user_ids.note_near(found, rejects)
    if tables[0].events.part != "":
        counts["items_in_both"] = _shared_items(found)
    _keep_items(work, connection, source, found, rejects)
    for table in tables:
        if "category" in table.read.names:
            domain = table.events.domain
            _keep_categories(work, connection, domain, good[domain])
    columns = ["user", "item", "time", "rating", "row"]
    split = ["split"] if "split" in tables[1].read.names else []
    return Tables(
        found["source"].select(*columns),
        found["target"].select(*columns, *split),
        attributes_of(work, connection),
        lambda: counts,
    )


def _open_both(
    work: Work, connection: duckdb.DuckDBPyConnection, source: Source
) -> list[_Table]:
    """Source and target; of the same files, if they are, read once."""
    events = source.event_tables()
    assert events is not None  # The caller saw to it.
    first = _open(work, connection, events[0])
    if events[0].reads_as(events[1]):
        return [first, dataclasses.replace(first, events=events[1])]
    return [first, _open(work, connection, events[1])]


def _are_same(tables: Sequence[_Table]) -> bool:
    return tables[0].raw is tables[1].raw


def _judge_both(
    work: Work, tables: Sequence[_Table], rejects: Rejects
) -> dict[str, DataFrame]:
    """Each domain's rows, with times that compare."""
    for table in tables:
        told = f"{table.events.shown}: {table.raw.told}, {table.read.times}"
        rejects.note(told)
    times = [table.read.times for table in tables]
    scale = scale_of([table.events for table in tables], times, rejects)
    return {table.events.domain: _judge(work, table, scale) for table in tables}


def _count_both(
    tables: Sequence[_Table], judged: dict[str, DataFrame], rejects: Rejects
) -> dict[str, int]:
    """What became of the rows; tells of malformed ones."""
    counts: dict[str, int] = {}
    for table in tables:
        domain = table.events.domain
        counts |= _count(table, judged[domain])
        if domain == "source" or not _are_same(tables):
            _reject(table, judged[domain], counts[f"{domain}_bad"], rejects)
        _check_value(table, judged[domain])
    if tables[0].events.part != "":
        counts["other_domains"] = _others(tables, judged, counts)
    return counts


def _open(
    work: Work, connection: duckdb.DuckDBPyConnection, events: EventTable
) -> _Table:
    """Finds out how times are written, by a look at all rows."""
    raw = read_raw(work, events)
    times = Times(ABSENT)
    read = ReadTable(BATCH, raw.names, times, 0, 0, 0, events.missing)
    if "time" in raw.names:
        rating = raw.names.get("rating")
        # As DuckDB's reader of texts, which has left these out by now.
        usable = f"{BROKEN} IS NULL" + (
            f" AND TRY_CAST({rating} AS DOUBLE) IS NOT NULL"
            if rating and raw.are_texts
            else ""
        )
        times = find_times(
            connection,
            lambda query: _ask(raw, query(f"({_rows(raw)} WHERE {usable})")),
            read.text("time"),
            events.time_format,
        )
    return _Table(events, raw, dataclasses.replace(read, times=times))


def _rows(raw: Raw) -> str:
    """SQL of a batch, in which bytes are texts."""
    decoded = [
        f"TRY(decode({field.name})) AS {field.name}"
        for field in raw.frame.schema.fields
        if field.dataType.typeName() == "binary"
    ]
    replaced = f" REPLACE ({', '.join(decoded)})" if decoded else ""
    return f"SELECT *{replaced} FROM {BATCH}"


def _ask(raw: Raw, query: str) -> dict[str, Any]:
    """The answers of all batches to an aggregate, merged."""
    with open_database() as connection:
        listed = ", ".join(
            f"{field.name} "
            f"{'BLOB' if field.dataType.typeName() == 'binary' else 'VARCHAR'}"
            for field in raw.frame.schema.fields
        )
        connection.execute(f"CREATE TABLE {BATCH} ({listed})")
        none = ask_table(connection, BATCH)(lambda batch: query)
        described = connection.execute(f"DESCRIBE {query}").fetchall()
    kinds = {"DOUBLE": "double", "BOOLEAN": "boolean"}
    schema = ", ".join(
        f"{name} {kinds.get(kind, 'bigint')}" for name, kind, *_ in described
    )
    answers = raw.frame.mapInArrow(BatchQuery(query), schema).collect()
    return merge([none, *(row.asDict() for row in answers)])


def _judge(work: Work, table: _Table, scale: str) -> DataFrame:
    """Every row, with what it holds and what is wrong with it."""
    read, names = table.read, table.read.names
    cases = " ".join(
        f"WHEN {condition} THEN {number}"
        for number, (_, condition, _) in enumerate(table.wrong)
    )
    told = ", ".join(
        f"coalesce(CAST({name} AS VARCHAR), '')" for name in table.raw.shown
    )
    values = {
        "user": read.text("user"),
        "item": read.text("item"),
        "time": read.time(scale),
        "rating": read.rating,
        "split": read.split if "split" in names else "CAST(NULL AS TINYINT)",
        "category": read.category if "category" in names else "NULL::VARCHAR",
        "inside": read.is_of(table.events),
        "kept": f"coalesce({read.is_kept(table.events)}, false)",
        "wrong": f"CAST(CASE {cases} END AS INTEGER)",
        "told": f"coalesce({BROKEN}, concat_ws(',', {told}))",
    }
    selected = ", ".join(f"{sql} AS {name}" for name, sql in values.items())
    # What is wrong is told of wrong rows alone.
    query = (
        "SELECT * REPLACE (CASE WHEN wrong IS NOT NULL THEN told END AS told) "
        f"FROM (SELECT {selected}, row FROM ({_rows(table.raw)}))"
    )
    row = table.raw.frame.schema["row"].dataType.simpleString()
    schema = ", ".join(f"{name} {kind}" for name, kind in _JUDGED.items())
    judged = table.raw.frame.mapInArrow(
        BatchQuery(query), f"{schema}, row {row}"
    )
    return work.keep(judged, f"{table.events.domain}_rows")


def _count(table: _Table, rows: DataFrame) -> dict[str, int]:
    """What became of the rows, as far as reading goes."""
    from pyspark.sql import functions as F

    every, bad, other, filtered = rows.agg(
        F.count(F.lit(1)),
        F.count("wrong"),
        F.count_if(F.expr("wrong IS NULL AND NOT inside")),
        F.count_if(F.expr("wrong IS NULL AND inside AND NOT kept")),
    ).first()
    if table.raw.rows not in (None, every):
        raise RuntimeError(
            f"{table.events.shown} has {table.raw.rows:,} rows, of which Spark "
            f"has read {every:,}"
        )
    domain = table.events.domain
    return {
        f"{domain}_rows": every,
        f"{domain}_bad": bad,
        f"{domain}_listed": 0,
        f"{domain}_other": other,
        f"filtered_{domain}": filtered,
    }


def _reject(
    table: _Table, rows: DataFrame, number: int, rejects: Rejects
) -> None:
    """Tells of malformed rows, in the order of the input."""
    if not number:
        return
    found = rows.where("wrong IS NOT NULL").orderBy("row")
    wrong = table.wrong
    files = [Path(one.shown) for one in table.events.inputs]
    rejects.add(
        BadRow(
            files[min(row["row"]["number"], len(files) - 1)],
            0,
            wrong[row["wrong"]][0],
            wrong[row["wrong"]][2],
            row["told"],
        )
        for row in found.take(min(number, rejects.room + 1))
    )


def _check_value(table: _Table, rows: DataFrame) -> None:
    """Some rows are of the domain."""
    from pyspark.sql import functions as F

    column = table.read.names.get("domain")
    if column is None or rows.where("wrong IS NULL AND inside").take(1):
        return
    query = BatchQuery(
        f"SELECT {table.read.text('domain')} AS value FROM {BATCH}"
    )
    found = (
        table.raw.frame.mapInArrow(query, "value string")
        .groupBy("value")
        .count()
        .orderBy(F.col("count").desc(), F.asc_nulls_last("value"))
        .take(MAX_VALUES)
    )
    raise no_value(
        table.events,
        table.raw.shown[column],
        [(row["value"], row["count"]) for row in found],
    )


def _others(
    tables: Sequence[_Table],
    judged: dict[str, DataFrame],
    counts: dict[str, int],
) -> int:
    """Rows of neither domain."""
    if not _are_same(tables):
        return counts["source_other"] + counts["target_other"]
    if tables[0].events.value == tables[1].events.value:
        return counts["source_other"]
    # Each row is of one domain at most, and read for both.
    inside = judged["target"].where("wrong IS NULL AND inside").count()
    return counts["source_other"] - inside


def _note_times(found: dict[str, DataFrame], rejects: Rejects) -> None:
    source, target = (Facts.of(rows) for rows in found.values())
    if source.span is not None and target.span is not None:
        note_times_apart(source.span, target.span, rejects)


def _shared_items(found: dict[str, DataFrame]) -> int:
    items = [rows.select("item").distinct() for rows in found.values()]
    return items[0].join(items[1], "item").count()


def _keep_items(
    work: Work,
    connection: duckdb.DuckDBPyConnection,
    source: Source,
    found: dict[str, DataFrame],
    rejects: Rejects,
) -> None:
    """Reads the tables of items and users, by the items that there are."""
    for domain, rows in found.items():
        name = f"{domain}_item"
        work.keep(rows.select("item").distinct(), name)
        _view(connection, domain, "item", work.files(name))
    source.load_beside(connection, rejects)


def _keep_categories(
    work: Work,
    connection: duckdb.DuckDBPyConnection,
    domain: str,
    rows: DataFrame,
) -> None:
    from pyspark.sql import functions as F

    name = f"{domain}_category"
    counted = rows.where(F.col("category").isNotNull())
    counted = counted.groupBy("item", "category").agg(
        F.count(F.lit(1)).alias("times")
    )
    work.keep(counted, name)
    _view(connection, f"{domain}_categories", "*", work.files(name))


def _view(
    connection: duckdb.DuckDBPyConnection,
    name: str,
    columns: str,
    files: list[Path],
) -> None:
    listed = ", ".join(sql_text(str(path)) for path in files)
    connection.execute(
        f"CREATE VIEW {name} AS SELECT {columns} FROM read_parquet([{listed}])"
    )
