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
    header. Reviews that are the same in all four are one event.

    Args:
      source: The reviews of the source domain's category, plain or gzipped.
      target: The reviews of the target domain's category.
      source_meta: The metadata of the source domain's goods, one Python
        literal or JSON object per line, with the keys `asin`, `categories`
        (lists of lists) and `title`; "" if there are none.
      target_meta: Likewise.
      category_level: Which entry of the first list of `categories` is the
        category: -1 the last, most specific one, 0 the first. A list that is
        too short gives its nearest entry.
    """

    merges_copies = True
    protocol = "source: reviews of one category; target: of another"

    def __init__(
        self,
        source: str = "",
        target: str = "",
        source_meta: str = "",
        target_meta: str = "",
        category_level: int = -1,
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
        return super().options() | known

    def load(self, connection, rejects) -> None:
        for domain in _DOMAINS:
            path = getattr(self, domain)
            if is_json(path):
                read_reviews(connection, rejects, domain, path)
            else:
                _read_ratings(connection, rejects, domain, path)
            metadata = getattr(self, f"{domain}_meta")
            if metadata is not None:
                self._read_metadata(connection, rejects, domain, metadata)

    def _read_metadata(self, connection, rejects, domain, path) -> None:
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
    connection.execute(
        f"CREATE VIEW {domain} AS "
        f"SELECT user, item, time, rating, rowid AS row FROM {raw}"
    )


def _refuse_header(path: Path) -> None:
    """Tells what to do with a file that names its columns."""
    fields = first_line(path).lower().split(",")
    if {"rating", "overall"} & {field.strip(' "') for field in fields}:
        raise InputError(
            f"{path}, line 1: expected user,item,rating,timestamp without a "
            "header. Read a file with one by --dataset=events"
        )
