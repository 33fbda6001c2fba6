"""Preparation by Spark: what grows with the events is done in its tasks."""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import duckdb

from tfxdr.data.engines.base import Contents, Engine, PreparationOptions
from tfxdr.data.engines.duckdb_engine import database_errors, work_database
from tfxdr.data.engines.spark import shards
from tfxdr.data.engines.spark.event_tables import read_event_tables
from tfxdr.data.engines.spark.ordering import Ordered, check_domains, order
from tfxdr.data.engines.spark.raw import NotBySpark, listing
from tfxdr.data.engines.spark.session import spark_errors, spark_session
from tfxdr.data.engines.spark.tables import Tables, hand_over
from tfxdr.data.engines.spark.work import Work
from tfxdr.data.item_files import with_categories, write_item_files
from tfxdr.data.records import Columns
from tfxdr.data.tally import Tally
from tfxdr.datasets.base import Source
from tfxdr.datasets.readers.delimited import text as sql_text
from tfxdr.datasets.readers.integrity import InputFile, check_file
from tfxdr.datasets.readers.rejects import Rejects
from tfxdr.errors import InputError
from tfxdr.types import FIRST_ITEM

if TYPE_CHECKING:
    from pyspark.sql import DataFrame

_BLOCK = 1 << 20


class SparkEngine(Engine):
    """Spark, in the session that there is or in one of its own.

    DuckDB stays beside it for what is small, the tables of items and users,
    and reads sources that Spark does not.

    Args:
      memory_limit: For DuckDB.
    """

    def __init__(self, memory_limit: str):
        self._memory_limit = memory_limit

    def inputs(self, source: Source) -> list[InputFile]:
        found = [check_file(path) for path in source.files()]
        addresses = source.addresses()
        if addresses:
            with spark_errors(addresses[0]), spark_session() as session:
                found += [
                    _known_by_time(row)
                    for address in addresses
                    for row in listing(session, address)
                ]
        return found

    def build(
        self,
        source: Source,
        options: PreparationOptions,
        folder: Path,
        rejects: Rejects,
        say: Callable[[str], None],
    ) -> Contents:
        with (
            spark_session() as session,
            work_database(folder / "work", self._memory_limit) as connection,
        ):
            say("reading the input")
            work = Work(session, folder / "work")
            tables = _read(work, connection, source, rejects, say)
            for note in rejects.notes:
                say(note)
            rows = check_domains(tables, source)
            say("ordering events by user and time")
            ordered = order(work, tables, source, options, rows)
            say(f"writing the records of {ordered.num_users:,} users")
            contents = _Writing(work, connection, tables, ordered).write(folder)
            contents.counts.update(tables.counts())
        return contents

    @contextlib.contextmanager
    def errors(self, folder: Path) -> Iterator[None]:
        with database_errors(folder), spark_errors(folder):
            yield


def _read(
    work: Work,
    connection: duckdb.DuckDBPyConnection,
    source: Source,
    rejects: Rejects,
    say: Callable[[str], None],
) -> Tables:
    """By Spark, or by DuckDB what Spark would not read the same.

    Raises:
      InputError: DuckDB cannot either: it is not on this machine.
    """
    reason = "no table of events"
    if source.event_tables() is not None:
        try:
            return read_event_tables(work, connection, source, rejects)
        except NotBySpark as error:
            reason = str(error)
    for address in source.addresses():
        raise InputError(
            f"--dataset={source.name}: --engine=spark reads Parquet and CSV, "
            f"found {reason} at {address}; write it anew as one of these, or "
            "copy it to a folder here"
        )
    say(
        f"note: DuckDB reads {source.name} in this process and hands it to "
        f"Spark ({reason})"
    )
    return hand_over(work, connection, source, rejects)


class _Writing:
    """From ordered events to files."""

    def __init__(
        self,
        work: Work,
        connection: duckdb.DuckDBPyConnection,
        tables: Tables,
        ordered: Ordered,
    ):
        self.work = work
        self.connection = connection
        self.tables = tables
        self.ordered = ordered
        self.columns = Columns(
            history_time=ordered.source_facts.has_time,
            history_rating=ordered.source_facts.has_rating,
            target_time=ordered.target_facts.has_time,
            target_rating=ordered.target_facts.has_rating,
            attributes=tables.attribute_names,
        )

    def write(self, folder: Path) -> Contents:
        counts = {"users": self.ordered.num_users, **self.ordered.dropped}
        vocabularies, ids = [], {}
        for domain, events in (
            ("source", self.ordered.history),
            ("target", self.ordered.target),
        ):
            ids[domain], items = self._number(domain, events)
            entries, found = write_item_files(
                self.connection, folder, domain, items
            )
            vocabularies += entries
            counts = with_categories(counts, found)
            counts[f"{domain}_items"] = len(items)
        told = self._write_shards(folder, ids)
        entries = [one["entry"] for one in told]
        return Contents(
            counts=counts | self._counts(told),
            columns=self.columns,
            boundaries=self.ordered.plan.boundaries,
            shards=entries,
            vocabularies=vocabularies,
            source_fingerprint=_fingerprint(folder, vocabularies[0], entries),
        )

    def _number(
        self, domain: str, events: DataFrame
    ) -> tuple[DataFrame, list[str]]:
        """Items with their ids and hashes, and the items in that order.

        The items are read by this process: so does whoever trains.
        """
        from pyspark.sql import functions as F

        name = f"{domain}_vocabulary"
        ranked, _ = self.work.ranked(
            events.groupBy("item").count(),
            [F.col("count").desc(), F.col("item").asc()],
            name,
        )
        item_id = (F.col("rank") + FIRST_ITEM).cast("int").alias("id")
        items = self.work.texts(name, "item")
        files = ", ".join(sql_text(str(path)) for path in self.work.files(name))
        self.connection.execute(
            f"CREATE TABLE {domain}_items AS "
            f"SELECT item FROM read_parquet([{files}])"
        ).fetchall()
        numbered = ranked.select("item", item_id).mapInArrow(
            shards.with_hashes, "item string, id int, hash bigint"
        )
        return numbered, items

    def _write_shards(
        self, folder: Path, ids: dict[str, DataFrame]
    ) -> list[dict]:
        """What tasks tell of the shards, in their order."""
        from pyspark.sql import functions as F

        number = self.ordered.num_shards
        rows = self._users()
        for kind, events, domain in (
            (shards.HISTORY, self.ordered.history, "source"),
            (shards.TARGET, self.ordered.target, "target"),
        ):
            coded = events.join(ids[domain], "item").drop("item")
            coded = coded.withColumnRenamed("id", "item")
            coded = coded.join(self.ordered.users, "user")
            coded = coded.withColumn("kind", F.lit(kind))
            rows = rows.unionByName(coded, allowMissingColumns=True)
        if "split" not in rows.columns:
            rows = rows.withColumn("split", F.lit(None).cast("tinyint"))
        in_order = ["shard", "user", "kind", F.asc_nulls_last("time"), "row"]
        told = (
            rows.repartition(number, "shard")
            .sortWithinPartitions(*in_order)
            .drop("row")
            .mapInArrow(
                shards.ShardWriter(
                    folder.absolute(), number, self.columns, self.ordered.plan
                ),
                shards.TOLD,
            )
            .collect()
        )
        return [json.loads(row.told) for row in sorted(told)]

    def _users(self) -> DataFrame:
        """A row for each user, with the attributes."""
        from pyspark.sql import functions as F

        users, names = self.ordered.users, self.columns.attributes
        if self.tables.attributes is not None:
            renamed = self.tables.attributes.toDF(
                "user", *(f"attribute {name}" for name in names)
            )
            users = users.join(renamed, "user", "left").fillna("")
        return users.withColumn("kind", F.lit(shards.USER))

    def _counts(self, told: Sequence[dict]) -> dict:
        tally = Tally()
        for one in told:
            tally.merge(Tally.from_json(one["tally"]))
        counts = tally.counts()
        source, target = self.ordered.source_facts, self.ordered.target_facts
        kept = counts["source_events"], counts["target_instances"]
        return counts | {
            "rated_source_events": kept[0] * source.has_rating,
            "rated_target_instances": kept[1] * target.has_rating,
            "truncated_events": source.rows - kept[0],
            **{
                part: sum(one["parts"][part] for one in told)
                for part in ("train", "validation", "test")
            },
        }


def _known_by_time(row: Any) -> InputFile:
    """A file elsewhere: not its content is read, but when it was written."""
    name = row["path"].rpartition("/")[2]
    told = f"{name} {row['length']} {row['modificationTime'].timestamp()}"
    digest = hashlib.sha256(told.encode()).hexdigest()
    return InputFile(name, row["length"], digest)


def _fingerprint(
    folder: Path, vocabulary: dict, entries: Sequence[dict]
) -> str:
    """Hash of the source items and of all histories, read shard by shard."""
    digest = hashlib.sha256(vocabulary["sha256"].encode())
    for entry in entries:
        with open(shards.history_file(folder, entry["file"]), "rb") as file:
            while block := file.read(_BLOCK):
                digest.update(block)
    return digest.hexdigest()
