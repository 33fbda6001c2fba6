"""A source's two domains as tables of Spark."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import TYPE_CHECKING

import duckdb

from tfxdr.data import database
from tfxdr.data.engines.spark.work import Work
from tfxdr.datasets.base import Source
from tfxdr.datasets.readers.delimited import quoted
from tfxdr.datasets.readers.delimited import text as sql_text
from tfxdr.datasets.readers.rejects import Rejects

if TYPE_CHECKING:
    from pyspark.sql import DataFrame


@dataclasses.dataclass(frozen=True)
class Tables:
    """What `Source` describes, without what is known of items.

    Attributes:
      source: `user`, `item`, `time`, `rating` and `row`, whose order is that
        of the input; it may be of any type that sorts.
      target: Likewise; also `split` where the data have one of their own.
      attributes: `user` and a text for each attribute, a row a user.
      counts: What to report of the input, once all is read.
    """

    source: DataFrame
    target: DataFrame
    attributes: DataFrame | None
    counts: Callable[[], dict[str, int]]

    @property
    def attribute_names(self) -> tuple[str, ...]:
        """The attributes' names."""
        if self.attributes is None:
            return ()
        return tuple(self.attributes.columns[1:])


def hand_over(
    work: Work,
    connection: duckdb.DuckDBPyConnection,
    source: Source,
    rejects: Rejects,
) -> Tables:
    """Has DuckDB read a source, and gives Spark what it made of it."""
    source.load(connection, rejects)
    for domain in ("source", "target"):
        split = ", split" if database.has_split(connection, domain) else ""
        copy(
            work,
            connection,
            domain,
            "SELECT user, item, CAST(time AS BIGINT) AS time, "
            "CAST(rating AS DOUBLE) AS rating, CAST(row AS BIGINT) AS row"
            f"{split} FROM {domain}",
        )
    return Tables(
        work.read("source"),
        work.read("target"),
        attributes_of(work, connection),
        lambda: source.counts(connection),
    )


def attributes_of(
    work: Work, connection: duckdb.DuckDBPyConnection
) -> DataFrame | None:
    """The users' attributes that a source has made, if it has."""
    names = database.attribute_names(connection)
    if not names:
        return None
    columns = ", ".join(
        f"any_value({quoted(name)}) AS {quoted(name)}" for name in names
    )
    copy(
        work,
        connection,
        "attributes",
        f"SELECT user, {columns} FROM attributes GROUP BY user",
    )
    return work.read("attributes")


def copy(
    work: Work, connection: duckdb.DuckDBPyConnection, name: str, query: str
) -> None:
    """Writes a query's result as a table of the folder."""
    folder = work.folder / name
    folder.mkdir()
    path = sql_text(str(folder / "part-00000.parquet"))
    connection.execute(f"COPY ({query}) TO {path} (FORMAT parquet)").fetchall()
