"""Tables beside the events: of items, of users, of who is who."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import duckdb

from tfxdr.datasets.readers import ids
from tfxdr.datasets.readers.columns import Columns
from tfxdr.datasets.readers.delimited import quoted
from tfxdr.datasets.readers.layout import Dialect
from tfxdr.datasets.readers.rejects import Rejects
from tfxdr.datasets.readers.table_files import Input, columns_of, read_file
from tfxdr.errors import InputError


def read_items(
    connection: duckdb.DuckDBPyConnection,
    rejects: Rejects,
    domain: str,
    path: Path,
    columns: Columns,
    dialect: Dialect,
) -> None:
    """Makes `<domain>_titles`, and `<domain>_categories` if there are some.

    Args:
      columns: `titles_item`, `titles_title` and perhaps `titles_category` to
        their columns.

    Raises:
      InputError: A column is missing, or more rows are malformed than allowed.
    """
    raw = f"raw_{domain}_titles"
    file = read_file(connection, rejects, raw, Input(path), columns, dialect)
    rejects.note(f"{path.name}: {file.told}")
    item = f"CAST({quoted(file.names['titles_item'])} AS VARCHAR)"
    # As the events write the item, where one has 1.0 and the other 1.
    connection.execute(
        f"CREATE TABLE {domain}_named AS SELECT coalesce(same.item, "
        f"near.item, n.id) AS item, n.* EXCLUDE (id) FROM "
        f"(SELECT {item} AS id, *, rowid AS place FROM {raw}) n "
        f"LEFT JOIN (SELECT DISTINCT item FROM {domain}) same "
        "ON n.id = same.item "
        f"LEFT JOIN (SELECT {ids.whole('item')} AS whole, min(item) AS item "
        f"FROM {domain} GROUP BY 1) near ON {ids.whole('n.id')} = near.whole "
        "ORDER BY n.place"
    )
    for role, view, name in (
        ("titles_title", "titles", "title"),
        ("titles_category", "categories", "category"),
    ):
        if role in file.names:
            column = f"CAST({quoted(file.names[role])} AS VARCHAR)"
            connection.execute(
                f"CREATE VIEW {domain}_{view} AS SELECT item, "
                f"{column} AS {name} FROM {domain}_named"
            )


def read_attributes(
    connection: duckdb.DuckDBPyConnection,
    rejects: Rejects,
    path: Path,
    user: str | int,
    names: Sequence[str],
    dialect: Dialect,
) -> None:
    """Makes `attributes` of a table of users.

    Args:
      names: The columns that are attributes; empty: all but the user's.

    Raises:
      InputError: A column is missing, or a user stands there twice.
    """
    if not names:
        every = columns_of(connection, path, dialect)
        names = [name for name in every if name != user]
    columns: dict[str, str | int] = {"users_user": user}
    columns |= {f"attribute {name}": name for name in names}
    raw = "raw_users"
    file = read_file(connection, rejects, raw, Input(path), columns, dialect)
    rejects.note(f"{path.name}: {file.told}; attributes: {', '.join(names)}")
    user_column = f"CAST({quoted(file.names['users_user'])} AS VARCHAR)"
    twice = connection.execute(
        f"SELECT {user_column} FROM {raw} GROUP BY 1 HAVING count(*) > 1 "
        "ORDER BY 1 LIMIT 1"
    ).fetchone()
    if twice is not None:
        raise InputError(
            f"{path}: expected a row for each user, found two of {twice[0]!r}"
        )
    selected = ", ".join(
        f"CAST({quoted(file.names[f'attribute {name}'])} AS VARCHAR) "
        f"AS {quoted(name)}"
        for name in names
    )
    connection.execute(
        f"CREATE VIEW attributes AS SELECT {user_column} AS user, {selected} "
        f"FROM {raw}"
    )


def link_users(
    connection: duckdb.DuckDBPyConnection,
    rejects: Rejects,
    path: Path,
    dialect: Dialect,
) -> None:
    """Has the view `source` call its users what `target` calls them.

    The table, such as RecBole's `.link`, has a user of the source and the
    same one of the target in each row. Source users without a row are
    nobody's in the target: where one is called as somebody there,
    `source:` stands before the name.

    Raises:
      InputError: The table has not two columns, or a user of the source
        stands there twice.
    """
    names = list(columns_of(connection, path, dialect))
    if len(names) != 2:
        raise InputError(
            f"{path}: expected two columns, the users of source and of target, "
            f"found {len(names)}: {', '.join(map(repr, names[:10]))}"
        )
    columns = {"source_user": names[0], "target_user": names[1]}
    raw = "raw_link"
    read_file(connection, rejects, raw, Input(path), columns, dialect)
    one, other = (f"CAST({quoted(name)} AS VARCHAR)" for name in names)
    twice = connection.execute(
        f"SELECT {one} FROM {raw} GROUP BY 1 "
        f"HAVING count(DISTINCT {other}) > 1 ORDER BY 1 LIMIT 1"
    ).fetchone()
    if twice is not None:
        raise InputError(
            f"{path}: expected one target user for each source user, found "
            f"several for {twice[0]!r}"
        )
    connection.execute(
        "CREATE TABLE linked_users AS SELECT s.user AS alone, coalesce("
        "l.other, CASE WHEN t.user IS NULL THEN s.user "
        "ELSE 'source:' || s.user END) AS linked, l.other IS NOT NULL AS found "
        "FROM (SELECT DISTINCT user FROM source) s "
        f"LEFT JOIN (SELECT DISTINCT {one} AS one, {other} AS other "
        f"FROM {raw}) l ON s.user = l.one "
        "LEFT JOIN (SELECT DISTINCT user FROM target) t ON s.user = t.user"
    )
    row = connection.execute(
        "SELECT count(*), count_if(found) FROM linked_users"
    ).fetchone()
    assert row is not None  # An aggregate has one row.
    rejects.note(
        f"{path.name}: {row[1]:,} of {row[0]:,} source users are linked to a "
        "target user; the others are in the source alone"
    )
    connection.execute("ALTER VIEW source RENAME TO source_before_link")
    connection.execute(
        "CREATE VIEW source AS SELECT l.linked AS user, e.* EXCLUDE (user) "
        "FROM source_before_link e JOIN linked_users l ON e.user = l.alone"
    )
