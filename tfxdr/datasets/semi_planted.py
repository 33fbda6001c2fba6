"""Real data in which a known part of the source behaviors is another's."""

from __future__ import annotations

from pathlib import Path

import duckdb
import numpy as np

from tfxdr.datasets.base import Source, insert_arrays
from tfxdr.errors import InputError
from tfxdr.registry import datasets

KEPT, SWAPPED = "kept", "swapped"

_GROUPS = 4  # categories of each kind
_DRAWN = "semi_planted_"  # what this source calls its tables


@datasets.register("semi-planted")
class SemiPlanted(Source):
    """Another data set, with source behaviors that belong to other users.

    The target domain is left as it is. Of the source domain, items are drawn
    until they hold a share of all behaviors; every user gets what one other
    user did with these items, in place of their own. So an account is that of
    two persons, as in `planted`, but both are real, and it is known which
    behaviors say nothing of the target:

    - Items of `swapped-1` to `swapped-4` carry another user's behaviors, those
      of `kept-1` to `kept-4` the user's own: `--explain_by=category=swapped`,
      `--meta=oracle(category=swapped)`. The number of a category is drawn for
      each item. Categories that the data have are left out.
    - A swapped behavior keeps its item and rating, so that items are as
      popular and as well liked as before. It gets the time of one of the
      receiving user's own source behaviors, so that times do not tell.

    Args:
      source: The data set, as `--dataset` has it:
        `semi-planted(source=movielens(path=ml-1m))`.
      share: Of the source behaviors, that other users get.
      seed: Another seed draws other items and other users.
    """

    required = ("source",)
    name = "semi-planted"

    def __init__(self, source: str = "", share: float = 0.5, seed: int = 0):
        if not source:
            raise InputError(
                "--dataset=semi-planted(source=...): expected a data set, "
                "such as movielens(path=ml-1m), found none"
            )
        if not 0 < share < 1:
            raise InputError(
                "--dataset=semi-planted: share should be above 0 and below "
                f"1, found {share}"
            )
        if seed < 0:
            raise InputError(
                "--dataset=semi-planted: seed should be at least 0, found "
                f"{seed}"
            )
        self.source = source
        self.share = share
        self.seed = seed
        self._whole: Source = datasets.build(source)
        self.history = self._whole.history
        self.has_target = self._whole.has_target
        self.merges_copies = self._whole.merges_copies
        self.version = self._whole.version
        self.protocol = (
            f"{self._whole.protocol}; {share:g} of the source behaviors are "
            "other users'"
        )

    def files(self) -> list[Path]:
        return self._whole.files()

    def load(self, connection, rejects) -> None:
        self._whole.load(connection, rejects)
        random = np.random.Generator(np.random.Philox(self.seed)).random
        kind = self._draw_items(connection, random)
        _draw_users(connection, random)
        _swap(connection, random)
        _replace(connection, "source", f"FROM {_DRAWN}events")
        _replace(
            connection,
            "source_categories",
            f"SELECT item, category FROM {kind}",
        )

    def counts(self, connection) -> dict[str, int]:
        ((swapped,),) = connection.execute(
            "SELECT count(*) FROM source JOIN source_categories USING (item) "
            f"WHERE category LIKE '{SWAPPED}-%'"
        ).fetchall()
        return {
            **self._whole.counts(connection),
            "swapped_behaviors": swapped,
        }

    def _draw_items(self, connection, random) -> str:
        """A table of items with their kinds and categories; its name."""
        found = connection.execute(
            "SELECT item, count(*) AS count FROM source GROUP BY item "
            "ORDER BY item"
        ).fetchnumpy()
        item, count = found["item"], found["count"]
        order = np.argsort(random(len(item)))
        before = np.cumsum(count[order]) - count[order]
        swapped = np.zeros(len(item), bool)
        swapped[order] = before < self.share * count.sum()
        if swapped.all() or not swapped.any():
            raise InputError(
                "--dataset=semi-planted: expected source items of which some "
                f"keep their users, found {len(item)} with share={self.share}"
            )
        group = (random(len(item)) * _GROUPS).astype(np.int64) + 1
        category = [
            f"{SWAPPED if one else KEPT}-{number}"
            for one, number in zip(swapped, group, strict=True)
        ]
        table = f"{_DRAWN}items"
        columns = {"item": item, "category": np.array(category, object)}
        insert_arrays(connection, table, {**columns, "swapped": swapped})
        return table


def _draw_users(connection: duckdb.DuckDBPyConnection, random) -> None:
    """Who gets whose behaviors: all users in a circle, in a random order.

    Raises:
      InputError: There is one user alone.
    """
    found = connection.execute(
        "SELECT DISTINCT user FROM source ORDER BY user"
    ).fetchnumpy()
    users = found["user"]
    if len(users) < 2:
        raise InputError(
            "--dataset=semi-planted: expected two source users or more, found "
            f"{len(users)}"
        )
    order = np.argsort(random(len(users)))
    receiver = np.empty(len(users), object)
    receiver[order] = users[np.roll(order, -1)]
    columns = {"user": users, "receiver": receiver}
    insert_arrays(connection, f"{_DRAWN}users", columns)


def _swap(connection: duckdb.DuckDBPyConnection, random) -> None:
    """All source behaviors, the swapped ones at their receivers'."""
    connection.execute(
        f"CREATE TABLE {_DRAWN}placed AS SELECT *, "
        "row_number() OVER (ORDER BY row, user, item) - 1 AS place FROM source"
    )
    place = connection.execute(
        f"SELECT place FROM {_DRAWN}placed ORDER BY place"
    ).fetchnumpy()["place"]
    columns = {"place": place, "draw": random(len(place))}
    insert_arrays(connection, f"{_DRAWN}draws", columns)
    connection.execute(
        f"CREATE TABLE {_DRAWN}events AS "
        "WITH times AS (SELECT user AS receiver, "
        f"list(time ORDER BY place) AS times FROM {_DRAWN}placed GROUP BY user)"
        " SELECT CASE WHEN swapped THEN receiver ELSE e.user END AS user, item,"
        " CASE WHEN swapped "
        "THEN times[1 + CAST(floor(draw * len(times)) AS BIGINT)] "
        "ELSE time END AS time, rating, row "
        f"FROM {_DRAWN}placed e JOIN {_DRAWN}draws USING (place) "
        f"JOIN {_DRAWN}items USING (item) "
        f"JOIN {_DRAWN}users u ON u.user = e.user "
        "JOIN times USING (receiver) ORDER BY place"
    )


def _replace(
    connection: duckdb.DuckDBPyConnection, table: str, query: str
) -> None:
    """A table or view, if it is there, by a view of a query."""
    found = connection.execute(
        "SELECT table_type FROM information_schema.tables "
        f"WHERE table_name = '{table}'"
    ).fetchall()
    for (kind,) in found:
        view = "VIEW" if kind == "VIEW" else "TABLE"
        connection.execute(f"DROP {view} {table}")
    connection.execute(f"CREATE VIEW {table} AS {query}")
