"""Which columns of a file are meant, by their names or their numbers."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from pathlib import Path

from tfxdr.datasets.readers.files import encoding_of
from tfxdr.datasets.readers.layout import (
    Dialect,
    Layout,
    find_delimiter,
    find_escape,
    header_names,
    is_number_or_date,
    is_typed,
    sample_lines,
    split,
)
from tfxdr.errors import InputError

# What RecBole calls the columns that `events` calls so.
_RECBOLE = {"user": "user_id", "item": "item_id", "timestamp": "timestamp"}
_MAX_LISTED = 40

# A role, such as `user`, to the column's name, or its number from 1.
Columns = Mapping[str, str | int]


def resolve(
    path: Path, columns: Columns, found: Sequence[str], typed: bool = False
) -> dict[str, str]:
    """A role to the name of its column.

    Args:
      found: The file's columns, in order.
      typed: Whether the file is RecBole's, with its names of columns.

    Raises:
      InputError: A column is missing, or stands there twice.
    """
    named = {}
    for role, wanted in columns.items():
        if isinstance(wanted, int):
            if not 1 <= wanted <= len(found):
                raise InputError(
                    f"{path}: no column number {wanted} (the {role}); it has "
                    f"{len(found)} columns, numbered from 1"
                )
            named[role] = found[wanted - 1]
            continue
        name = wanted.partition(":")[0] if typed else wanted
        if typed and name not in found:
            name = _RECBOLE.get(name, name)
        if list(found).count(name) != 1:
            raise _missing(path, role, name, found)
        named[role] = name
    return named


def _missing(
    path: Path, role: str, name: str, found: Sequence[str]
) -> InputError:
    if name in found:
        return InputError(f"{path}: column {name!r} stands there twice")
    close = difflib.get_close_matches(name, found, n=1, cutoff=0.5)
    hint = f"; did you mean {close[0]!r}?" if close else ""
    listed = ", ".join(repr(column) for column in found[:_MAX_LISTED])
    listed += ", …" if len(found) > _MAX_LISTED else ""
    if any(map(is_number_or_date, found)):
        listed += (
            "; its first line should be a header that names the columns; "
            "without one, give their numbers, as --dataset=events(user=1,"
            "item=2,time=3)"
        )
        return InputError(
            f"{path}, line 1: no column {name!r} (the {role}); found {listed}"
        )
    if len(found) == 1:
        listed += (
            " (one column: if there are more, say what separates them by "
            "delimiter; a comma, tab, semicolon, bar and space are found)"
        )
    return InputError(
        f"{path}: no column {name!r} (the {role}){hint}; its columns: "
        f"{listed}; {_setting(role)}"
    )


def _setting(role: str) -> str:
    setting = f"say which by --dataset=events({role}=COLUMN)"
    if role in ("user", "item", "time", "rating", "category"):
        setting += f", or target_{role} if only the target table names it so"
    if role == "time":
        setting += "; time='' if there is none"
    return setting


def find_layout(
    path: Path, columns: Columns, dialect: Dialect, numeric: Sequence[str] = ()
) -> tuple[Layout, dict[str, str]]:
    """How a text is written, and a role to the name of its column.

    Args:
      numeric: Roles of columns that hold numbers or dates.

    Raises:
      InputError: A column is missing.
    """
    encoding = dialect.encoding or encoding_of(path)
    lines = sample_lines(path, encoding)
    names = {name for name in columns.values() if isinstance(name, str)}
    numbers = [name for name in columns.values() if isinstance(name, int)]
    wanted = {name.partition(":")[0] for name in names}
    wanted |= {_RECBOLE[name] for name in wanted & set(_RECBOLE)}
    delimiter = find_delimiter(lines, wanted, max(numbers, default=1), dialect)
    header = _has_header(path, lines, delimiter, columns, dialect, numeric)
    first = split(lines[0], delimiter) if lines else []
    found = (
        header_names(lines, delimiter)
        if header
        else [f"column {place}" for place in range(1, len(first) + 1)]
    )
    named = resolve(path, columns, found, typed=header and is_typed(first))
    kept = set(named.values())
    every = _distinct(found, kept)
    quote = '"' if dialect.quote is None else dialect.quote
    escape = dialect.escape
    if escape is None:
        escape = find_escape(lines, delimiter, len(every)) if quote else ""
    layout = Layout(
        {
            name: "DOUBLE" if name == named.get("rating") else "VARCHAR"
            for name in every
        },
        delimiter,
        header,
        quote,
        escape,
        encoding,
        tuple(named[role] for role in numeric if role in named),
    )
    return layout, named


def has_names(lines: Sequence[str], delimiter: str) -> bool:
    """Whether there is no number and no date in the first line."""
    fields = split(lines[0], delimiter) if lines else []
    return not any(map(is_number_or_date, fields))


def _has_header(
    path: Path,
    lines: Sequence[str],
    delimiter: str,
    columns: Columns,
    dialect: Dialect,
    numeric: Sequence[str],
) -> bool:
    named = [name for name in columns.values() if isinstance(name, str)]
    if dialect.header is False and named:
        raise InputError(
            f"{path}: with header=false columns are numbers, as "
            f"--dataset=events(user=1,item=2,time=3), found {named[0]!r}"
        )
    if dialect.header is not None:
        return dialect.header
    if named:
        return True
    if not columns:
        return has_names(lines, delimiter)
    # All are numbers: a header has words where the rows have numbers.
    fields = split(lines[0], delimiter) if lines else []
    places = [columns[role] for role in numeric if role in columns]
    return any(
        isinstance(place, int)
        and place <= len(fields)
        and not is_number_or_date(fields[place - 1])
        for place in places
    )


def _distinct(found: Sequence[str], wanted: set[str]) -> list[str]:
    """Names that DuckDB, which ignores case, can tell apart."""
    taken = {name.lower() for name in wanted}
    names = []
    for position, name in enumerate(found, 1):
        if name not in wanted and (not name or name.lower() in taken):
            name = f"{name or 'column'} ({position})"
        taken.add(name.lower())
        names.append(name)
    return names
