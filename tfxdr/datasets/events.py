"""The user's own two tables of events."""

from __future__ import annotations

from pathlib import Path

from tfxdr.datasets.base import Source
from tfxdr.datasets.readers.delimited import quoted, read_delimited
from tfxdr.datasets.readers.event_table import (
    EventTable,
    check_value,
    count_where,
    find_layout,
    make_views,
    read_table,
)
from tfxdr.errors import InputError
from tfxdr.registry import datasets


@datasets.register("events")
class Events(Source):
    """Two tables of events, CSV or Parquet, joined on the user.

    A CSV names its columns in the first line, separates fields by comma, tab,
    semicolon or bar, is UTF-8, plain or gzipped. Times are numbers (seconds,
    milliseconds, ...; fractions are rounded) or dates like
    `2024-05-31 12:00:00`, of one kind in both tables.

    Source rows that are the same in user, item, time and rating are one event;
    without times or without ratings all are kept. One file can hold both
    domains: `domain` names the column that tells them apart, `source_domain`
    and `target_domain` what stands there. Rows with neither are left out, and
    counted.

    Args:
      source: The source domain's events, `.csv`, `.csv.gz` or `.parquet`.
      target: The target domain's events.
      user: The column of the user's id, the same ids in both tables.
      item: The column of the item's id.
      time: The column of the time; "" if there is none, and the rows of a
        user are in order.
      rating: The column of the rating; "" if there is none.
      category: The column of the item's category; "" if there is none.
      target_user: That column of the target table, if it has another name.
      target_item: Likewise.
      target_time: Likewise.
      target_rating: Likewise.
      target_category: Likewise.
      domain: The column of the domain, in both tables; "": every row counts.
      source_domain: What stands there in the source domain's rows.
      target_domain: What stands there in the target domain's rows.
      source_min: Source events rated lower are left out.
      source_max: Source events rated higher are left out.
      target_min: Target events rated lower are left out.
      target_max: Target events rated higher are left out.
      source_titles: A CSV with columns `item` (named as above) and `title`.
      target_titles: Likewise.
    """

    required = ("source", "target")

    def __init__(
        self,
        source: str = "",
        target: str = "",
        user: str = "user",
        item: str = "item",
        time: str = "timestamp",
        rating: str = "",
        category: str = "",
        target_user: str = "",
        target_item: str = "",
        target_time: str = "",
        target_rating: str = "",
        target_category: str = "",
        domain: str = "",
        source_domain: str | int = "",
        target_domain: str | int = "",
        source_min: float | None = None,
        source_max: float | None = None,
        target_min: float | None = None,
        target_max: float | None = None,
        source_titles: str = "",
        target_titles: str = "",
    ):
        self.source = self.check_path(source, "source")
        self.target = self.check_path(target, "target")
        self.user, self.item = user, item
        self.time, self.rating, self.category = time, rating, category
        self.target_user, self.target_item = target_user, target_item
        self.target_time, self.target_rating = target_time, target_rating
        self.target_category, self.domain = target_category, domain
        self.source_domain = str(source_domain)
        self.target_domain = str(target_domain)
        self.source_min, self.source_max = source_min, source_max
        self.target_min, self.target_max = target_min, target_max
        self.source_titles = self._optional(source_titles, "source_titles")
        self.target_titles = self._optional(target_titles, "target_titles")
        self.merges_copies = bool(time and rating)
        self._check_filters()

    def _optional(self, path: str, option: str) -> Path | None:
        return self.check_path(path, option) if path else None

    def _check_filters(self) -> None:
        for table in self._tables():
            if not table.rating and (table.least, table.most) != (None, None):
                raise InputError(
                    f"--dataset=events: {table.domain}_min and "
                    f"{table.domain}_max need the option rating=COLUMN"
                )
        together = {
            name: getattr(self, name)
            for name in ("domain", "source_domain", "target_domain")
        }
        missing = [name for name, value in together.items() if not value]
        if 0 < len(missing) < len(together):
            raise InputError(
                f"--dataset=events: {', '.join(together)} go together, but "
                f"{' and '.join(missing)} "
                f"{'is' if len(missing) == 1 else 'are'} not set"
            )

    def _tables(self) -> tuple[EventTable, EventTable]:
        source = EventTable(
            "source",
            self.source,
            self.user,
            self.item,
            self.time,
            self.rating,
            self.category,
            self.source_min,
            self.source_max,
            self.domain,
            self.source_domain,
        )
        target = EventTable(
            "target",
            self.target,
            self.target_user or self.user,
            self.target_item or self.item,
            self.target_time or self.time,
            self.target_rating or self.rating,
            self.target_category or self.category,
            self.target_min,
            self.target_max,
            self.domain,
            self.target_domain,
        )
        return source, target

    @property
    def _raw(self) -> dict[str, str]:
        """Domain to the table it is read into: one, if the file is one."""
        source, target = self._tables()
        same = source.path.samefile(target.path)
        if same and source.columns == target.columns:
            return {"source": "raw_events", "target": "raw_events"}
        return {"source": "raw_source", "target": "raw_target"}

    def files(self) -> list[Path]:
        titles = [self.source_titles, self.target_titles]
        return [self.source, self.target, *(path for path in titles if path)]

    def options(self) -> dict[str, object]:
        # Without it the two titles files could be swapped unnoticed.
        titled = {
            f"{domain}_titles": bool(getattr(self, f"{domain}_titles"))
            for domain in ("source", "target")
        }
        return super().options() | titled

    def load(self, connection, rejects) -> None:
        read: dict[str, str] = {}
        kinds = {}
        for table in self._tables():
            raw = self._raw[table.domain]
            if raw not in read:
                read[raw] = read_table(connection, rejects, raw, table)
            kinds[table.domain] = read[raw]
            check_value(connection, raw, table)
            make_views(connection, raw, table, read[raw])
        if len(set(kinds.values())) > 1:
            raise InputError(
                f"--dataset=events: times are {kinds['source']} in "
                f"{self.source} and {kinds['target']} in {self.target}; they "
                "must be of one kind"
            )
        self._read_titles(connection, rejects)

    def counts(self, connection) -> dict[str, int]:
        counts, raw = {}, self._raw
        for table in self._tables():
            counts[f"filtered_{table.domain}"] = count_where(
                connection,
                raw[table.domain],
                f"{table.is_in_domain} AND NOT ({table.is_kept})",
            )
        if self.domain:
            counts["other_domains"] = self._count_others(connection)
            counts["items_in_both"] = count_where(
                connection,
                "(SELECT DISTINCT item FROM source) "
                "SEMI JOIN (SELECT DISTINCT item FROM target) USING (item)",
                "true",
            )
        return counts

    def _count_others(self, connection) -> int:
        """Rows of neither domain."""
        raw, tables = self._raw, self._tables()
        if raw["source"] == raw["target"]:
            either = " OR ".join(table.is_in_domain for table in tables)
            return count_where(connection, raw["source"], f"NOT ({either})")
        return sum(
            count_where(
                connection, raw[table.domain], f"NOT {table.is_in_domain}"
            )
            for table in tables
        )

    def _read_titles(self, connection, rejects) -> None:
        for table, path in zip(
            self._tables(),
            (self.source_titles, self.target_titles),
            strict=True,
        ):
            if path is None:
                continue
            columns = {"item": table.item, "title": "title"}
            layout = find_layout(path, columns)
            raw = f"raw_{table.domain}_titles"
            read_delimited(
                connection, rejects, raw, path, layout, list(columns.values())
            )
            connection.execute(
                f"CREATE VIEW {table.domain}_titles AS SELECT "
                f"{quoted(table.item)} AS item, title FROM {raw}"
            )
