"""The user's own two tables of events."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

from tfxdr.datasets.base import Source
from tfxdr.datasets.readers import ids as ids_of
from tfxdr.datasets.readers import side_tables
from tfxdr.datasets.readers.event_domains import EventDomains
from tfxdr.datasets.readers.event_table import EventTable
from tfxdr.datasets.readers.files import check_encoding
from tfxdr.datasets.readers.inputs import GivenTable, find_inputs
from tfxdr.datasets.readers.layout import Dialect
from tfxdr.datasets.readers.times import check_format
from tfxdr.errors import InputError
from tfxdr.registry import datasets

# Options that came later: what they are by default is not part of what the
# prepared data are called after.
_LATER = {
    "split": "",
    "time_format": "",
    "target_time_format": "",
    "encoding": "",
    "target_encoding": "",
    "delimiter": "",
    "target_delimiter": "",
    "header": None,
    "quote": None,
    "escape": None,
    "missing": None,
    "ids": "",
    "glob": False,
    "database": None,
    "titles_item": "",
    "titles_title": "title",
    "titles_category": "",
    "users": None,
    "attributes": (),
    "link": None,
}


@datasets.register("events")
class Events(Source):
    """Two tables of events, joined on the user.

    A table is CSV (comma, tab, semicolon, bar or spaces between), JSON lines
    or Parquet, plain or compressed by gzip, zstd, bzip2, xz or zip; a folder
    of such files, or several; or, from Python, a table of pandas, Polars,
    Arrow or DuckDB. What is not said is found in the files: `--mode=prepare`
    prints what was found, a line for each file, and the options below say
    otherwise. A list of items in one row is an event for each.

    Times are numbers (seconds to nanoseconds, fractions too) or dates like
    `2024-05-31 12:00:00`, with zones or in UTC; both tables' are made to
    compare. Users and items are texts, compared as they stand.

    Source rows that are the same in user, item, time and rating are one event;
    without times or without ratings all are kept. One file can hold both
    domains: `domain` names the column that tells them apart, `source_domain`
    and `target_domain` what stands there. Rows with neither are left out, and
    counted.

    Args:
      source: The source domain's events: a path, or a list of paths; with
        --engine=spark also an address, such as s3a://shop/clicks.
      target: The target domain's events.
      user: The column of the user's id, the same ids in both tables: its
        name, or its number from 1, which a table without a header needs.
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
      source_titles: A table of the source domain's items, with the columns
        `item` (named as above) and `title`.
      target_titles: Likewise.
      time_format: How times are written: s, ms, us, ns, date, or a format
        such as %d/%m/%Y; "" to find out.
      target_time_format: That of the target table, if it is another.
      encoding: What texts are written in, as latin-1; "": UTF-8, or UTF-16
        where the file says so.
      target_encoding: That of the target table, if it is another.
      delimiter: What separates the columns: the character, or tab, space,
        comma, semicolon, bar; "" to find out.
      target_delimiter: That of the target table, if it is another.
      header: Whether the first line names the columns; none to find out.
      quote: What stands around a text with delimiters; '' if quotes mean
        nothing; none: ".
      escape: What stands before a quote inside quotes; none to find out
        whether it is doubled or follows a backslash.
      missing: What stands where a user, item or category is missing, beside
        nothing; none: NA, NULL, NaN, None and the like.
      ids: exact: 1.0 and 1 are two users, and whole: one; "": one, if one
        table writes whole numbers so and the other does not.
      glob: Whether * and ? in a path stand for any characters.
      database: A file of DuckDB or SQLite; source and target are then queries
        or tables of it, if they are no files.
      titles_item: The titles' column of the item, if it has another name.
      titles_title: The titles' column of the title.
      titles_category: The titles' column of the category; "" if there is none.
      users: A table of users, in a row each.
      attributes: The columns of `users` that are attributes; []: all.
      split: The column of the target table that says which split a row is of:
        train, validation (valid, val, dev) or test; "" if there is none.
      link: A table of two columns, such as RecBole's `.link`: a source user,
        and what the target table calls the same one.
    """

    version = 2
    required = ("source", "target")

    def __init__(
        self,
        source: Any = "",
        target: Any = "",
        user: str | int = "user",
        item: str | int = "item",
        time: str | int = "timestamp",
        rating: str | int = "",
        category: str | int = "",
        target_user: str | int = "",
        target_item: str | int = "",
        target_time: str | int = "",
        target_rating: str | int = "",
        target_category: str | int = "",
        domain: str | int = "",
        source_domain: str | int = "",
        target_domain: str | int = "",
        source_min: float | None = None,
        source_max: float | None = None,
        target_min: float | None = None,
        target_max: float | None = None,
        source_titles: str = "",
        target_titles: str = "",
        time_format: str = "",
        target_time_format: str = "",
        encoding: str = "",
        target_encoding: str = "",
        delimiter: str = "",
        target_delimiter: str = "",
        header: bool | None = None,
        quote: str | None = None,
        escape: str | None = None,
        missing: Sequence[str] | None = None,
        ids: Literal["", "exact", "whole"] = "",
        glob: bool = False,
        database: str = "",
        titles_item: str | int = "",
        titles_title: str | int = "title",
        titles_category: str | int = "",
        users: str = "",
        attributes: Sequence[str] = (),
        link: str = "",
        split: str | int = "",
    ):
        self.encoding = check_encoding(encoding, "encoding")
        self.target_encoding = check_encoding(
            target_encoding, "target_encoding"
        )
        self.delimiter, self.header = delimiter, header
        self.target_delimiter = target_delimiter
        self.quote, self.escape = quote, escape
        self.missing = None if missing is None else tuple(missing)
        self.ids, self.glob = ids, glob
        self.database = self._optional(database, "database")
        self._given: list[GivenTable] = []
        self._inputs = {
            option: self._find(value, option)
            for option, value in (("source", source), ("target", target))
        }
        self.source, self.target = self._named("source"), self._named("target")
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
        self.time_format = check_format(time_format, "time_format")
        self.target_time_format = check_format(
            target_time_format, "target_time_format"
        )
        self.titles_item, self.titles_title = titles_item, titles_title
        self.titles_category = titles_category
        self.users = self._optional(users, "users")
        self.attributes = tuple(attributes)
        self.link = self._optional(link, "link")
        self.split = split
        self.merges_copies = bool(time and rating)
        self._check_filters()

    def _optional(self, path: str, option: str) -> Path | None:
        return self.check_path(path, option) if path else None

    def _find(self, value: Any, option: str):
        if not isinstance(value, (str, Path, list, tuple)):
            self._given.append(GivenTable(value, option))
            value = self._given[-1].path
        return find_inputs(
            value,
            option,
            lambda path: self.check_path(path, option, folder=True),
            glob=self.glob,
            database=self.database,
        )

    def _named(self, option: str) -> Any:
        """The option as `options` tells of it: queries count, places do not."""
        inputs = self._inputs[option]
        queries = [one.query for one in inputs if one.query]
        if len(inputs) == 1:
            named = inputs[0].address or inputs[0].path
            return queries[0] if queries else named
        return [one.query or one.address or one.path for one in inputs]

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

    def event_tables(self) -> tuple[EventTable, EventTable] | None:
        # Linked users are another's; Python's tables are this process' own.
        return None if self.link or self._given else self._tables()

    def _tables(self) -> tuple[EventTable, EventTable]:
        source, target = (
            EventTable(
                domain,
                self._inputs[domain],
                self._of(domain, "user"),
                self._of(domain, "item"),
                self._of(domain, "time"),
                self._of(domain, "rating"),
                self._of(domain, "category"),
                getattr(self, f"{domain}_min"),
                getattr(self, f"{domain}_max"),
                self.domain,
                getattr(self, f"{domain}_domain"),
                self._dialect(domain),
                self._of(domain, "time_format"),
                ids_of.MISSING if self.missing is None else self.missing,
                self.split if domain == "target" else "",
            )
            for domain in ("source", "target")
        )
        return source, target

    def _of(self, domain: str, option: str) -> Any:
        """An option, or what the target table has instead."""
        other = getattr(self, f"target_{option}") if domain == "target" else ""
        return other or getattr(self, option)

    def _dialect(self, domain: str) -> Dialect:
        return Dialect(
            self._of(domain, "encoding"),
            self._of(domain, "delimiter"),
            self.header,
            self.quote,
            self.escape,
        )

    def files(self) -> list[Path]:
        beside = [self.source_titles, self.target_titles, self.users, self.link]
        events = [
            one.path
            for inputs in self._inputs.values()
            for one in inputs
            if not one.address
        ]
        return [*events, *(path for path in beside if path)]

    def addresses(self) -> list[str]:
        return [
            one.address
            for inputs in self._inputs.values()
            for one in inputs
            if one.address
        ]

    def options(self) -> dict[str, object]:
        # Without it the two titles files could be swapped unnoticed.
        titled = {
            f"{domain}_titles": bool(getattr(self, f"{domain}_titles"))
            for domain in ("source", "target")
        }
        known = super().options() | titled
        for option, default in _LATER.items():
            value = getattr(self, option)
            known.pop(option, None)
            if value != default:
                known[option] = (
                    bool(value) if isinstance(value, Path) else value
                )
        for option, inputs in self._inputs.items():
            known.pop(option, None)
            if len(inputs) > 1 or inputs[0].query:
                known[option] = [one.query for one in inputs]
        return known

    def load(self, connection, rejects) -> None:
        self._domains = EventDomains(*self._tables(), self.ids)
        self._domains.load(connection, rejects)
        if self.link is not None:
            side_tables.link_users(
                connection, rejects, self.link, self._dialect("source")
            )
        ids_of.note_near_users(connection, rejects)
        self.load_beside(connection, rejects)

    def load_beside(self, connection, rejects) -> None:
        for table in self._tables():
            path = getattr(self, f"{table.domain}_titles")
            if path is not None:
                columns = self._titles_columns(table)
                side_tables.read_items(
                    connection,
                    rejects,
                    table.domain,
                    path,
                    columns,
                    table.dialect,
                )
        if self.users is not None:
            side_tables.read_attributes(
                connection,
                rejects,
                self.users,
                self.user,
                self.attributes,
                self._dialect("source"),
            )

    def _titles_columns(self, table: EventTable) -> dict[str, str | int]:
        columns = {
            "titles_item": self.titles_item or table.item,
            "titles_title": self.titles_title,
            "titles_category": self.titles_category,
        }
        return {role: name for role, name in columns.items() if name}

    def counts(self, connection) -> dict[str, int]:
        return self._domains.counts(connection)


# As `tfxdr.events(source=..., target=...)`.
events = Events
