"""From a source's tables to users in order, out of core, by DuckDB.

Order everywhere: users by raw id; a user's events by (time, input row), so
that of two events at the same time the one that stands first in the input
comes first.
"""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import duckdb
import numpy as np

from tfxdr.datasets.base import Source
from tfxdr.datasets.readers.delimited import quoted
from tfxdr.datasets.readers.duck import open_database
from tfxdr.errors import InputError
from tfxdr.ops.ragged import Ragged, offsets_of

_MAX_THREADS = 8
_CHUNK_USERS = 1 << 14

# What `code_events` keeps of events that repeat.
PAIRS, ROWS = "pairs", "rows"
_FIRST_OF = {
    "": "",
    PAIRS: "QUALIFY row_number() OVER (PARTITION BY u.code, i.code "
    "ORDER BY e.time DESC NULLS LAST, e.row DESC) = 1",
    ROWS: "QUALIFY row_number() OVER (PARTITION BY u.code, i.code, e.time, "
    "e.rating ORDER BY e.row) = 1",
}


def connect(
    folder: Path, memory_limit: str, threads: int
) -> duckdb.DuckDBPyConnection:
    """A database in a file of `folder`, which also takes what it spills."""
    connection = open_database(folder / "work.duckdb")
    connection.execute("SET preserve_insertion_order = true")
    connection.execute(f"SET memory_limit = '{memory_limit}'")
    connection.execute(f"SET threads = {min(threads, _MAX_THREADS)}")
    # Times without a zone are UTC, on every machine.
    connection.execute("SET TimeZone = 'UTC'")
    # A notebook without ipywidgets has no bar, and DuckDB no say in it.
    with contextlib.suppress(duckdb.InvalidInputException):
        connection.execute("SET enable_progress_bar = false")
    spill = str(folder / "spill").replace("'", "''")
    connection.execute(f"SET temp_directory = '{spill}'")
    return connection


def count_rows(connection: duckdb.DuckDBPyConnection, table: str) -> int:
    return value(connection, f"SELECT count(*) FROM {table}")


def value(connection: duckdb.DuckDBPyConnection, query: str) -> Any:
    """The only value of a query's first row."""
    row = connection.execute(query).fetchone()
    assert row is not None  # An aggregate has one row.
    return row[0]


def _has_column(
    connection: duckdb.DuckDBPyConnection, table: str, column: str
) -> bool:
    described = connection.execute(f"DESCRIBE {table}").fetchall()
    return column in [name for name, *_ in described]


def has_split(connection: duckdb.DuckDBPyConnection, domain: str) -> bool:
    """Whether a domain's events come with a split of their own."""
    return _has_column(connection, domain, "split")


def _has(connection: duckdb.DuckDBPyConnection, table: str) -> bool:
    found = connection.execute(
        "SELECT count(*) FROM information_schema.tables "
        "WHERE lower(table_name) = ?",
        [table],
    ).fetchone()
    return bool(found and found[0])


def check_domains(
    connection: duckdb.DuckDBPyConnection, source: Source
) -> None:
    """Both domains have events, of users of whom some are the same.

    A source that declares no target domain needs source events alone.

    Raises:
      InputError: They have not; says what the ids of both look like.
    """
    for domain in needed_domains(source):
        if not count_rows(connection, domain):
            raise no_events(source, domain)
    if not source.has_target:
        return
    shared = value(
        connection,
        "SELECT count(*) FROM (SELECT DISTINCT user FROM source) "
        "SEMI JOIN (SELECT DISTINCT user FROM target) USING (user)",
    )
    if shared:
        return
    looks = {
        domain: connection.execute(
            f"SELECT DISTINCT user FROM {domain} ORDER BY user LIMIT 3"
        ).fetchall()
        for domain in ("source", "target")
    }
    raise no_shared_users(
        source,
        {name: [user for (user,) in rows] for name, rows in looks.items()},
    )


def needed_domains(source: Source) -> tuple[str, ...]:
    """The domains that have to have events."""
    return ("source", "target") if source.has_target else ("source",)


def no_events(source: Source, domain: str) -> InputError:
    """What is wrong with a domain without events."""
    return InputError(
        f"--dataset={source.name}: no {domain} events are left"
        + (f" ({source.protocol})" if source.protocol else "")
    )


def no_shared_users(
    source: Source, looks: Mapping[str, Sequence[str]]
) -> InputError:
    """What is wrong with domains of which no users are the same.

    Args:
      source: Whose domains they are.
      looks: Some users of each domain.
    """
    examples = {
        domain: ", ".join(map(repr, users)) for domain, users in looks.items()
    }
    return InputError(
        f"--dataset={source.name}: no user is in both domains; source users "
        f"are like {examples['source']}, target users like "
        f"{examples['target']}; both must be written the same way"
    )


@dataclasses.dataclass(frozen=True)
class Domain:
    """The coded events of a domain, sorted by (user, time, row).

    `items` are the raw ids in ascending order; the table `name` has columns
    `user` and `item` (codes: positions in the ascending raw ids), `time` and
    `rating`, and `split` if the data have one of their own.
    """

    name: str
    items: list[str]
    has_time: bool
    has_rating: bool
    has_split: bool = False


def code_users(connection: duckdb.DuckDBPyConnection) -> int:
    """Makes `users(user, code)` of everybody in either domain."""
    connection.execute(
        "CREATE TABLE users AS SELECT user, "
        "CAST(row_number() OVER (ORDER BY user) - 1 AS INTEGER) AS code "
        "FROM (SELECT user FROM source UNION SELECT user FROM target) "
        "ORDER BY user"
    )
    return count_rows(connection, "users")


def code_events(
    connection: duckdb.DuckDBPyConnection,
    domain: str,
    *,
    distinct: str = "",
    before: int | None = None,
) -> Domain:
    """Makes `<domain>_events` of coded, ordered events.

    Args:
      domain: `source` or `target`.
      distinct: `PAIRS`: of a repeated (user, item) pair only the most recent
        event; `ROWS`: of events that are the same in user, item, time and
        rating only the first.
      before: Only events with `time < before`.
    """
    table = f"{domain}_events"
    connection.execute(
        f"CREATE TABLE {domain}_items AS SELECT item, "
        "CAST(row_number() OVER (ORDER BY item) - 1 AS INTEGER) AS code "
        f"FROM (SELECT DISTINCT item FROM {domain}) ORDER BY item"
    )
    where = "" if before is None else f"WHERE e.time < {before}"
    published = has_split(connection, domain)
    split = ", e.split" if published else ""
    connection.execute(
        f"CREATE TABLE {table} AS "
        f"SELECT u.code AS user, i.code AS item, e.time, e.rating{split} "
        f"FROM {domain} e JOIN users u ON e.user = u.user "
        f"JOIN {domain}_items i ON e.item = i.item {where} "
        f"{_FIRST_OF[distinct]} "
        "ORDER BY u.code, e.time, e.row"
    )
    rows = connection.execute(
        f"SELECT item FROM {domain}_items ORDER BY code"
    ).fetchall()
    known = {
        column: value(connection, f"SELECT count({column}) FROM {table}")
        == count_rows(connection, table)
        for column in ("time", "rating")
    }
    return Domain(
        table,
        [item for (item,) in rows],
        known["time"],
        known["rating"],
        published,
    )


@dataclasses.dataclass(frozen=True)
class CodedEvents:
    """Events of consecutive users: item codes, and what stands beside."""

    items: Ragged
    time: np.ndarray | None
    rating: np.ndarray | None
    split: np.ndarray | None = None

    def last(self, length: int) -> CodedEvents:
        """At most the last events of each user."""
        kept = Ragged(np.arange(len(self.items.values)), self.items.offsets)
        kept = kept.last(length)
        return CodedEvents(
            Ragged(self.items.values[kept.values], kept.offsets),
            None if self.time is None else self.time[kept.values],
            None if self.rating is None else self.rating[kept.values],
        )


def read_events(
    connection: duckdb.DuckDBPyConnection,
    domain: Domain,
    first: int,
    stop: int,
) -> CodedEvents:
    """The events of the users with `first <= code < stop`, in order."""
    columns = ["user", "item"]
    columns += ["time"] if domain.has_time else []
    columns += ["rating"] if domain.has_rating else []
    columns += ["split"] if domain.has_split else []
    # A plain scan keeps the table's order, and skips other users' blocks.
    read = connection.execute(
        f"SELECT {', '.join(columns)} FROM {domain.name} "
        f"WHERE user >= {first} AND user < {stop}"
    ).fetchnumpy()
    arrays = {name: np.ma.getdata(values) for name, values in read.items()}
    lengths = np.bincount(arrays["user"] - first, minlength=stop - first)
    return CodedEvents(
        Ragged(arrays["item"], offsets_of(lengths)),
        arrays.get("time"),
        arrays.get("rating"),
        arrays.get("split"),
    )


def user_ranges(
    num_users: int, size: int = _CHUNK_USERS
) -> Iterator[tuple[int, int]]:
    """Consecutive ranges of user codes."""
    for first in range(0, num_users, size):
        yield first, min(first + size, num_users)


def read_users(
    connection: duckdb.DuckDBPyConnection, first: int, stop: int
) -> np.ndarray:
    """Raw ids as UTF-8 bytes, `[users]` object."""
    rows = connection.execute(
        f"SELECT user FROM users WHERE code >= {first} AND code < {stop} "
        "ORDER BY code"
    ).fetchall()
    return np.array([user.encode() for (user,) in rows], object)


def join_attributes(connection: duckdb.DuckDBPyConnection) -> tuple[str, ...]:
    """Makes `user_attributes(code, ...)`; returns the attributes' names."""
    names = attribute_names(connection)
    if not names:
        return ()
    columns = ", ".join(
        f"coalesce(any_value(a.{quoted(name)}), '') AS {quoted(name)}"
        for name in names
    )
    connection.execute(
        f"CREATE TABLE user_attributes AS SELECT u.code, {columns} "
        "FROM users u LEFT JOIN attributes a ON u.user = a.user "
        "GROUP BY u.code ORDER BY u.code"
    )
    return names


def attribute_names(connection: duckdb.DuckDBPyConnection) -> tuple[str, ...]:
    """The users' attributes that the source has."""
    if not _has(connection, "attributes"):
        return ()
    described = connection.execute("DESCRIBE attributes").fetchall()
    return tuple(name for name, *_ in described if name != "user")


def read_attributes(
    connection: duckdb.DuckDBPyConnection,
    names: tuple[str, ...],
    first: int,
    stop: int,
) -> dict[str, np.ndarray]:
    """Attribute to `[users]` array of str."""
    if not names:
        return {}
    rows = connection.execute(
        f"SELECT {', '.join(map(quoted, names))} FROM user_attributes "
        f"WHERE code >= {first} AND code < {stop} ORDER BY code"
    ).fetchall()
    return {
        name: np.array([row[column] for row in rows], object)
        for column, name in enumerate(names)
    }


def read_titles(
    connection: duckdb.DuckDBPyConnection, domain: str, items: Sequence[str]
) -> list[str] | None:
    """A title for each raw id, "" where it has none; `None` without titles."""
    if not _has(connection, f"{domain}_titles"):
        return None
    titles = dict(
        connection.execute(
            f"SELECT t.item, t.title FROM {domain}_titles t "
            f"SEMI JOIN {domain}_items i ON t.item = i.item "
            "WHERE t.title IS NOT NULL"
        ).fetchall()
    )
    return [titles.get(item, "") for item in items]


def read_categories(
    connection: duckdb.DuckDBPyConnection, domain: str, items: Sequence[str]
) -> tuple[list[str], int] | None:
    """A category for each raw id, and how many have several.

    The most frequent, then the first in the alphabet; "" where an item has
    none.

    Returns:
      `None` without categories.
    """
    if not _has(connection, f"{domain}_categories"):
        return None
    counted = _has_column(connection, f"{domain}_categories", "times")
    times = "sum(c.times)" if counted else "count(*)"
    rows = connection.execute(
        "SELECT item, category, count(*) OVER (PARTITION BY item) FROM ("
        f"SELECT c.item, c.category, {times} AS times "
        f"FROM {domain}_categories c "
        f"SEMI JOIN {domain}_items i ON c.item = i.item "
        "WHERE c.category != '' GROUP BY c.item, c.category) "
        "QUALIFY row_number() OVER "
        "(PARTITION BY item ORDER BY times DESC, category) = 1"
    ).fetchall()
    chosen = {item: category for item, category, _ in rows}
    several = {item for item, _, number in rows if number > 1}
    return [chosen.get(item, "") for item in items], len(several & {*items})
