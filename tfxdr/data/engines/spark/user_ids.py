"""The same user written in two ways, found by Spark."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tfxdr.data.engines.spark.batch_query import BATCH, BatchQuery
from tfxdr.datasets.base import Source
from tfxdr.datasets.readers.event_domains import written_differently
from tfxdr.datasets.readers.ids import SPELLINGS, near_users
from tfxdr.datasets.readers.rejects import Rejects

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

# \z where DuckDB has $: Java's $ also matches before a last line's end.
_FRACTION = r"^-?\d+\.\d*[1-9]\d*\z"
_FLOAT = r"^-?\d+\.0+\z"
_DECIMALS = r"\.0+\z"


def are_whole(
    source: Source, tables: dict[str, DataFrame], rejects: Rejects
) -> bool:
    """Whether users written like 1.0 are read as 1; a note if so."""
    from pyspark.sql import functions as F

    rule = source.options().get("ids", "")
    if rule:
        return rule == "whole"
    users = {
        domain: rows.select("user").distinct()
        for domain, rows in tables.items()
    }
    for first, second in (("source", "target"), ("target", "source")):
        dotted = users[first].where(F.col("user").contains("."))
        fraction = F.bool_or(F.col("user").rlike(_FRACTION))
        if dotted.agg(fraction).first()[0] is not False:
            continue
        one, other = users[first].alias("a"), users[second].alias("b")
        same = _whole(F.col("a.user")) == _whole(F.col("b.user"))
        differ = F.col("a.user") != F.col("b.user")
        pair = (
            one.join(other, same & differ)
            .orderBy("a.user", "b.user")
            .select(F.col("a.user").alias("a"), F.col("b.user").alias("b"))
            .first()
        )
        if pair is not None:
            rejects.note(written_differently((pair.a, pair.b)))
            return True
    return False


def without_decimals(rows: DataFrame) -> DataFrame:
    """The rows, with whole numbers for users."""
    from pyspark.sql import functions as F

    return rows.withColumn("user", _whole(F.col("user")))


def _whole(user: Column) -> Column:
    from pyspark.sql import functions as F

    cut = F.regexp_replace(user, _DECIMALS, "")
    return F.when(user.rlike(_FLOAT), cut).otherwise(user)


def note_near(tables: dict[str, DataFrame], rejects: Rejects) -> None:
    """Says of users who would be in both domains if written the same."""
    from pyspark.sql import functions as F

    users = {
        domain: rows.select("user").distinct()
        for domain, rows in tables.items()
    }
    numbers = ", ".join(map(str, range(len(SPELLINGS))))
    spelled = ", ".join(form.format("user") for _, form in SPELLINGS)
    query = BatchQuery(
        f"SELECT user, unnest([{numbers}]) AS form, "
        f"unnest([{spelled}]) AS spelled FROM {BATCH}"
    )
    one, other = (
        users[domain]
        .join(users[beside], "user", "leftanti")
        .mapInArrow(query, "user string, form int, spelled string")
        .withColumnRenamed("user", domain)
        for domain, beside in (("source", "target"), ("target", "source"))
    )
    found = (
        one.join(other, ["form", "spelled"])
        .groupBy("form")
        .agg(
            F.count_distinct("source"),
            F.min("source"),
            F.min_by("target", "source"),
        )
        .orderBy("form")
    )
    for form, *told in found.collect():
        rejects.note(near_users(SPELLINGS[form][0], tuple(told)))
