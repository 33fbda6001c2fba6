"""What an id is: a text; what stands for none; the same id written twice."""

from __future__ import annotations

import re

import duckdb

from tfxdr.datasets.readers.delimited import text as sql_text
from tfxdr.datasets.readers.rejects import Rejects

# What pandas, R and databases write for a missing value.
MISSING = (
    "NA",
    "N/A",
    "n/a",
    "#N/A",
    "<NA>",
    "NaN",
    "nan",
    "-nan",
    "NaT",
    "NULL",
    "Null",
    "null",
    "None",
    "none",
    "\\N",
)
_SPACES = " \t\r\n\v\f\u00a0"
_FLOAT = r"^-?\d+\.0+$"
# How ids of two tables come to differ, and SQL that makes them the same.
SPELLINGS = (
    ("blanks around them", f"trim({{}}, {sql_text(_SPACES)})"),
    ("capitals", "lower({})"),
    ("leading zeros", "ltrim({}, '0')"),
    ("forms of accented letters", "nfc_normalize({})"),
    ("decimals", "regexp_replace({}, '\\.0+$', '')"),
)


def is_missing(text: str, words: tuple[str, ...]) -> str:
    """SQL that is true where nothing stands, or a word for it."""
    listed = "|".join(map(re.escape, ("", *words)))
    space = r"[\s\v\x{a0}]*"
    pattern = sql_text(f"{space}({listed}){space}")
    missing = f"coalesce(regexp_full_match({text}, {pattern}), true)"
    if any(word[:1].isdigit() for word in words):
        return missing
    # Numbers, which most ids are, are not looked at twice.
    return (
        f"CASE WHEN {text} >= '0' AND {text} < ':' THEN false "
        f"ELSE {missing} END"
    )


def missing_text(what: str, words: tuple[str, ...]) -> str:
    """What is wrong with a row in which an id is missing."""
    if not words:
        return f"the {what} is missing"
    return (
        f"the {what} is missing (blank, or a word for it such as "
        f"{', '.join(words[:2])} or NULL; where these are ids, say "
        "missing=[])"
    )


def whole(text: str) -> str:
    """SQL of an id without the decimals of a whole number: 1.0 is 1."""
    return (
        f"CASE WHEN regexp_matches({text}, '{_FLOAT}') "
        f"THEN regexp_replace({text}, '\\.0+$', '') ELSE {text} END"
    )


def written_as_floats(
    connection: duckdb.DuckDBPyConnection, one: str, other: str
) -> tuple[str, str] | None:
    """An id of one table written like 1.0, and as the other table has it.

    Args:
      one: SQL of a query of the ids of one table.
      other: Likewise.

    Returns:
      None if there is none, or if not all numbers are whole: 1.5 is a name.
    """
    for first, second in ((one, other), (other, one)):
        with_point = f"(SELECT DISTINCT id FROM ({first}) t(id))"
        row = connection.execute(
            "SELECT bool_or(regexp_matches(id, '^-?\\d+\\.\\d*[1-9]\\d*$')) "
            f"FROM {with_point} WHERE contains(id, '.')"
        ).fetchone()
        if row is None or row[0] is not False:
            continue
        pair = connection.execute(
            f"SELECT a.id, b.id FROM {with_point} a "
            f"JOIN (SELECT DISTINCT id FROM ({second}) t(id)) b "
            f"ON {whole('a.id')} = {whole('b.id')} AND a.id != b.id "
            "ORDER BY ALL LIMIT 1"
        ).fetchone()
        if pair is not None:
            return pair
    return None


def note_near_users(
    connection: duckdb.DuckDBPyConnection, rejects: Rejects
) -> None:
    """Says of users who would be in both domains if written the same."""
    for domain, other in (("source", "target"), ("target", "source")):
        connection.execute(
            f"CREATE OR REPLACE TEMP TABLE alone_{domain} AS "
            f"FROM (SELECT DISTINCT user FROM {domain}) "
            f"ANTI JOIN (SELECT DISTINCT user FROM {other}) USING (user)"
        )
    for what, spelling in SPELLINGS:
        same = f"{spelling.format('s.user')} = {spelling.format('t.user')}"
        row = connection.execute(
            "SELECT count(DISTINCT s.user), min(s.user), "
            "arg_min(t.user, s.user) "
            f"FROM alone_source s JOIN alone_target t ON {same}"
        ).fetchone()
        if row is not None and row[0]:
            rejects.note(near_users(what, row))
    connection.execute("DROP TABLE alone_source")
    connection.execute("DROP TABLE alone_target")


def near_users(what: str, found: tuple[int, str, str]) -> str:
    """A note on users of both domains whom a spelling parts.

    Args:
      what: Of `SPELLINGS`.
      found: How many source users, and one of them as both domains have it.
    """
    number, source, target = found
    return (
        f"note: {number:,} source users would be target users but "
        f"for {what}, such as {source!r} and {target!r}; ids are "
        "compared as they stand"
    )
