"""Two categories of Amazon's reviews, as the data's authors publish them."""

from __future__ import annotations

from pathlib import Path

from tfxdr.datasets.base import Source
from tfxdr.datasets.readers.delimited import read_delimited, reject_where
from tfxdr.datasets.readers.layout import Layout, first_line
from tfxdr.datasets.readers.review_files import (
    MAX_RATING,
    MIN_RATING,
    is_json,
    read_metadata,
    read_reviews,
)
from tfxdr.errors import InputError
from tfxdr.registry import datasets

_DOMAINS = ("source", "target")
_RATINGS = Layout(
    {
        "user": "VARCHAR",
        "item": "VARCHAR",
        "rating": "DOUBLE",
        "time": "BIGINT",
    },
    ",",
)
_WRONG = {
    "user": ("user = ''", "the user is missing"),
    "item": ("item = ''", "the item is missing"),
    "rating": (
        f"NOT (rating >= {MIN_RATING} AND rating <= {MAX_RATING})",
        f"a rating is from {MIN_RATING} to {MAX_RATING}",
    ),
}


@datasets.register("amazon")
class Amazon(Source):
    """Amazon reviews of two categories of goods, joined on the reviewer.

    A file of reviews holds a JSON object per line, with the keys
    `reviewerID`, `asin`, `overall` (a rating from 1 to 5) and
    `unixReviewTime`, or is a CSV of `user,item,rating,timestamp` without a
    header, or of `item,user,rating,timestamp`. Reviews that are the same in
    all four are one event.

    Args:
      source: The reviews of the source domain's category, plain or gzipped.
      target: The reviews of the target domain's category.
      source_meta: The metadata of the source domain's goods, one Python
        literal or JSON object per line, with the keys `asin`, `categories`
        (lists of lists) or `category` (a list), and `title`; "" if there are
        none.
      target_meta: Likewise.
      category_level: Which entry of the first list of `categories` is the
        category: -1 the last, most specific one, 0 the first. A list that is
        too short gives its nearest entry.
      item_first: Whether a CSV is `item,user,rating,timestamp`, as those of
        the release of 2018; none: what gives more users in both domains.
    """

    required = ("source", "target")
    merges_copies = True
    version = 2
    protocol = "source: reviews of one category; target: of another"

    def __init__(
        self,
        source: str = "",
        target: str = "",
        source_meta: str = "",
        target_meta: str = "",
        category_level: int = -1,
        item_first: bool | None = None,
    ):
        self.source = self.check_path(source, "source")
        self.target = self.check_path(target, "target")
        if self.source.samefile(self.target):
            raise InputError(
                "--dataset=amazon: source and target should be files of two "
                f"categories, both are {self.source}"
            )
        self.source_meta = self._optional(source_meta, "source_meta")
        self.target_meta = self._optional(target_meta, "target_meta")
        self.category_level = category_level
        self.item_first = item_first

    def _optional(self, path: str, option: str) -> Path | None:
        return self.check_path(path, option) if path else None

    def files(self) -> list[Path]:
        metadata = [self.source_meta, self.target_meta]
        return [self.source, self.target, *(path for path in metadata if path)]

    def options(self) -> dict[str, object]:
        # Without it the two metadata files could be swapped unnoticed.
        known = {
            f"{domain}_meta": bool(getattr(self, f"{domain}_meta"))
            for domain in _DOMAINS
        }
        options = super().options() | known
        if self.item_first is None:
            del options["item_first"]
        return options

    def load(self, connection, rejects) -> None:
        tables: list[str] = []
        self._rows: dict[str, int] = {}
        for domain in _DOMAINS:
            path = getattr(self, domain)
            before = len(rejects)
            if is_json(path):
                read_reviews(connection, rejects, domain, path)
                self._read_metadata(connection, rejects, domain)
            else:
                _read_ratings(connection, rejects, domain, path)
                tables.append(domain)
            self._rows[f"{domain}_rows"] = rejects.read[path]
            bad = [row for row in rejects.rows[before:] if row.path == path]
            self._rows[f"{domain}_bad"] = len(bad)
        self._find_order(connection, rejects, tables)
        for domain in tables:
            self._read_metadata(connection, rejects, domain)

    def counts(self, connection) -> dict[str, int]:
        return self._rows

    def _find_order(self, connection, rejects, tables: list[str]) -> None:
        """Makes the views of tables of ratings, user or item first."""
        swaps = [[], *([table] for table in tables), tables]
        if self.item_first is not None:
            swaps = [tables if self.item_first else []]
        # Of equally many users in both domains, the order as published first.
        shared = []
        for swapped in swaps:
            for table in tables:
                _make_view(connection, table, table in swapped)
            shared.append(_shared_users(connection))
        best = swaps[shared.index(max(shared))]
        for table in tables:
            _make_view(connection, table, table in best)
            if table in best and self.item_first is None:
                rejects.note(
                    f"note: {getattr(self, table).name} is read as "
                    "item,user,rating,timestamp, by which more users are in "
                    "both domains (item_first=false: user,item)"
                )

    def _read_metadata(self, connection, rejects, domain) -> None:
        path = getattr(self, f"{domain}_meta")
        if path is None:
            return
        items = connection.execute(f"SELECT DISTINCT item FROM {domain}")
        known = {item for (item,) in items.fetchall()}
        table = f"{domain}_metadata"
        level = self.category_level
        read_metadata(connection, rejects, table, path, known, level)
        connection.execute(
            f"CREATE VIEW {domain}_categories AS "
            f"SELECT item, category FROM {table}"
        )
        connection.execute(
            f"CREATE VIEW {domain}_titles AS "
            f"SELECT item, arg_min(title, row) AS title FROM {table} "
            "WHERE title != '' GROUP BY item"
        )


def _read_ratings(connection, rejects, domain: str, path: Path) -> None:
    _refuse_header(path)
    raw = f"{domain}_ratings"
    read_delimited(connection, rejects, raw, path, _RATINGS)
    reject_where(connection, rejects, raw, path, _RATINGS, _WRONG)


def _make_view(connection, domain: str, item_first: bool) -> None:
    user, item = ("item", "user") if item_first else ("user", "item")
    connection.execute(
        f"CREATE OR REPLACE VIEW {domain} AS SELECT {user} AS user, "
        f"{item} AS item, time, rating, rowid AS row FROM {domain}_ratings"
    )


def _shared_users(connection) -> int:
    found = connection.execute(
        "SELECT count(*) FROM (SELECT DISTINCT user FROM source) "
        "SEMI JOIN (SELECT DISTINCT user FROM target) USING (user)"
    ).fetchone()
    return found[0] if found else 0


def _refuse_header(path: Path) -> None:
    """Tells what to do with a file that names its columns."""
    fields = first_line(path).lower().split(",")
    if {"rating", "overall"} & {field.strip(' "') for field in fields}:
        raise InputError(
            f"{path}, line 1: expected user,item,rating,timestamp without a "
            "header; read a file with one by --dataset=events"
        )
