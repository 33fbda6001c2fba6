"""Events of both domains in order, as Spark's tasks sort them."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING

from tfxdr.data import database, published_split, splits, time_split
from tfxdr.data.engines.base import PreparationOptions
from tfxdr.data.engines.spark.tables import Tables
from tfxdr.data.engines.spark.work import Work
from tfxdr.data.split_plan import SplitPlan
from tfxdr.data.writer import shard_size
from tfxdr.datasets.base import Source

if TYPE_CHECKING:
    from pyspark.sql import Column, DataFrame

_PLACE = "place in the group"
_LOOKED_AT = 3


@dataclasses.dataclass(frozen=True)
class Facts:
    """What is known of a domain's events, each as a number of them.

    `least` and `most` are the first and the last time; `validation` are those
    of such a part of the data's own split.
    """

    rows: int
    timed: int
    rated: int
    least: int | None
    most: int | None
    validation: int

    @property
    def has_time(self) -> bool:
        return self.timed == self.rows

    @property
    def has_rating(self) -> bool:
        return self.rated == self.rows

    @property
    def span(self) -> tuple[int, int] | None:
        """The first and the last time, if there are times."""
        if self.least is None or self.most is None:
            return None
        return self.least, self.most

    @classmethod
    def of(cls, events: DataFrame) -> Facts:
        """Counts events, in one pass."""
        from pyspark.sql import functions as F

        split = F.col("split") if "split" in events.columns else F.lit(None)
        row = events.agg(
            F.count(F.lit(1)),
            F.count("time"),
            F.count("rating"),
            F.min("time"),
            F.max("time"),
            F.count_if(split == splits.VALIDATION),
        ).first()
        return cls(*row)


@dataclasses.dataclass(frozen=True)
class Ordered:
    """Both domains' events, and what was decided on the way.

    Attributes:
      users: `user` and `shard`, of everybody in either domain.
      num_users: How many.
      history: The source events that are kept.
      target: The target instances.
      source_facts: Of all source events.
      target_facts: Of the target instances.
      plan: How targets are divided.
      dropped: Counts of what was left out.
    """

    users: DataFrame
    num_users: int
    history: DataFrame
    target: DataFrame
    source_facts: Facts
    target_facts: Facts
    plan: SplitPlan
    dropped: dict[str, int]

    @property
    def num_shards(self) -> int:
        return -(-self.num_users // shard_size(self.num_users))


def check_domains(tables: Tables, source: Source) -> dict[str, int]:
    """Both domains have events, of users of whom some are the same.

    Returns:
      The events of each domain.

    Raises:
      InputError: They have not; says what the ids of both look like.
    """
    frames = {"source": tables.source, "target": tables.target}
    rows = {domain: frame.count() for domain, frame in frames.items()}
    for domain in database.needed_domains(source):
        if not rows[domain]:
            raise database.no_events(source, domain)
    if source.has_target and not tables.source.join(
        tables.target.select("user"), "user", "leftsemi"
    ).take(1):
        looks = {
            domain: frame.select("user").distinct().orderBy("user")
            for domain, frame in frames.items()
        }
        raise database.no_shared_users(
            source,
            {
                domain: [row.user for row in users.take(_LOOKED_AT)]
                for domain, users in looks.items()
            },
        )
    return rows


def order(
    work: Work,
    tables: Tables,
    source: Source,
    options: PreparationOptions,
    rows: dict[str, int],
) -> Ordered:
    """Sorts events by user, time and row, and leaves out what is not kept.

    Args:
      work: Takes the tables.
      tables: The events.
      source: Says what counts as a copy, and how long histories are.
      options: What is made of them.
      rows: The events of each domain.

    Raises:
      InputError: The split cannot be made of these data.
    """
    from pyspark.sql import functions as F

    users, num_users = _everybody(work, tables)
    time, row = F.col("time"), F.col("row")
    recent = [time.desc_nulls_last(), row.desc()]
    target = work.keep(
        _first(tables.target, ["user", "item"], recent, 1), "target_events"
    )
    target_facts = Facts.of(target)
    plan = _plan(work, tables, source, options, target, target_facts)
    events, late = _source_events(work, tables, source, plan)
    source_facts = Facts.of(events)
    latest = [time.desc_nulls_first(), row.desc()]
    history = _first(events, ["user"], latest, options.longest(source))
    return Ordered(
        users=users,
        num_users=num_users,
        history=work.keep(history, "histories"),
        target=target,
        source_facts=source_facts,
        target_facts=target_facts,
        plan=plan,
        dropped={
            "duplicate_targets": rows["target"] - target_facts.rows,
            "late_events": late,
            "repeated_source": rows["source"] - source_facts.rows - late,
        },
    )


def _everybody(work: Work, tables: Tables) -> tuple[DataFrame, int]:
    """The users of either domain with their shards, and how many they are."""
    from pyspark.sql import functions as F

    users = tables.source.select("user").unionByName(
        tables.target.select("user")
    )
    ranked, number = work.ranked(users.distinct(), ["user"], "users")
    shard = F.floor(F.col("rank") / shard_size(number)).cast("int")
    return ranked.select("user", shard.alias("shard")), number


def _source_events(
    work: Work, tables: Tables, source: Source, plan: SplitPlan
) -> tuple[DataFrame, int]:
    """Those that are not late and no copies, and how many are late."""
    from pyspark.sql import functions as F

    events, late = tables.source, 0
    if plan.boundaries is not None:
        in_time = F.col("time") < plan.boundaries[0]
        late = events.where(~in_time).count()
        events = events.where(in_time)
    if source.merges_copies:
        same = ["user", "item", "time", "rating"]
        first = _first(events, same, [F.col("row").asc()], 1)
        events = work.keep(first, "no_copies")
    return events, late


def _first(
    events: DataFrame,
    group: Sequence[str],
    ordered: Sequence[Column],
    number: int,
) -> DataFrame:
    """The first events of each group."""
    from pyspark.sql import Window
    from pyspark.sql import functions as F

    window = Window.partitionBy(*group).orderBy(*ordered)
    placed = events.withColumn(_PLACE, F.row_number().over(window))
    return placed.where(F.col(_PLACE) <= number).drop(_PLACE)


def _plan(
    work: Work,
    tables: Tables,
    source: Source,
    options: PreparationOptions,
    target: DataFrame,
    facts: Facts,
) -> SplitPlan:
    boundaries, has_validation = None, True
    if options.split == splits.TIME:
        time_split.check_target(source)
        for domain in ("source", "target"):
            known = Facts.of(getattr(tables, domain))
            time_split.check_timed(source, domain, known.has_time)
        assert facts.span is not None  # All are timed, and there are some.
        boundaries = time_split.boundaries(
            facts.rows,
            *facts.span,
            options.split_fractions,
            lambda positions: _times_at(work, target, positions),
        )
    if options.split == splits.COLUMN:
        published_split.check_column(source, "split" in target.columns)
        has_validation = facts.validation > 0
    return options.plan(boundaries, has_validation)


def _times_at(
    work: Work, target: DataFrame, positions: Sequence[int]
) -> list[int]:
    """The times that stand at positions, from 0, in ascending order."""
    from pyspark.sql import functions as F

    ranked, _ = work.ranked(target.select("time"), ["time"], "times")
    found = ranked.where(F.col("rank").isin(list(positions))).collect()
    times = {row["rank"]: row["time"] for row in found}
    return [times[position] for position in positions]
