"""Delimited text files into DuckDB, every malformed row accounted for."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import duckdb

from tfxdr.datasets.readers.files import plain_text
from tfxdr.datasets.readers.layout import Layout
from tfxdr.datasets.readers.plain_rows import count_plain_rows
from tfxdr.datasets.readers.records import Record, read_records
from tfxdr.datasets.readers.rejects import BadRow, Rejects
from tfxdr.datasets.readers.stream import stream_rows

# Never the text of a field: empty fields stay texts, and fail as numbers.
_NO_NULL = "\x01\x02"
_MAX_LINE_BYTES = 1 << 24
_NO_UNICODE = (
    "Invalid unicode: the text is not UTF-8; say what it is by the option "
    "encoding, as encoding=latin-1 or cp1252"
)

# (path, line, text) of ascending row numbers, counted from 0.
Places = Callable[[Sequence[int]], list[tuple[Path, int, str]]]


def read_delimited(
    connection: duckdb.DuckDBPyConnection,
    rejects: Rejects,
    table: str,
    path: Path,
    layout: Layout,
    keep: Sequence[str] = (),
) -> None:
    """Creates `table` with the layout's columns; `rowid` is the input order.

    With `keep`, only those columns are read: the number of fields of a row is
    checked all the same, the other columns' content is not.

    Rows with too few or too many fields, or with a field that its column's
    type does not take (an empty one is no number), go to `rejects`. DuckDB
    reads files in which each line is a row, if it then has as many rows as
    there are lines; all others are read row by row.

    Raises:
      InputError: More malformed rows than allowed, or unreadable as text.
    """
    names = list(keep or layout.columns)
    with plain_text(path, layout.encoding, connection) as plain:
        rows = count_plain_rows(plain, layout)
        args = (connection, rejects, table, path, plain, layout, names)
        if rows is None or not _read_fast(*args, rows):
            _read_row_by_row(*args)


def _read_fast(
    connection: duckdb.DuckDBPyConnection,
    rejects: Rejects,
    table: str,
    path: Path,
    plain: Path,
    layout: Layout,
    names: list[str],
    rows: int,
) -> bool:
    """By DuckDB; whether it made something of each of the rows."""
    typed = ", ".join(
        f"{text(name)}: {text(kind)}" for name, kind in layout.columns.items()
    )
    # A row gives at most one reject for each column and one for itself.
    limit = (rejects.room + 1) * (len(layout.columns) + 1)
    try:
        connection.execute(
            f"CREATE TABLE {table} AS SELECT {', '.join(map(quoted, names))} "
            f"FROM read_csv({text(no_pattern(plain))}, auto_detect=false, "
            f"delim={text(layout.delimiter)}, header={layout.header}, "
            f"quote={text(layout.quote)}, escape={text(layout.quote)}, "
            f"nullstr={text(_NO_NULL)}, columns={{{typed}}}, "
            f"compression='none', max_line_size={_MAX_LINE_BYTES}, "
            f"store_rejects=true, rejects_limit={limit})"
        )
    except (duckdb.InvalidInputException, duckdb.BinderException):
        return False
    try:
        bad = _rejected(connection, path, plain)
    finally:
        connection.execute("DROP TABLE reject_errors")
        connection.execute("DROP TABLE reject_scans")
    row = connection.execute(f"SELECT count(*) FROM {table}").fetchone()
    read = (row[0] if row else 0) + len(bad)
    if len(bad) <= rejects.room and read != rows:
        connection.execute(f"DROP TABLE {table}")
        return False
    rejects.add(bad)
    rejects.count(path, read)
    return True


def _rejected(
    connection: duckdb.DuckDBPyConnection, path: Path, plain: Path
) -> list[BadRow]:
    """One bad row for each line, however many errors DuckDB found in it."""
    rows = connection.execute(
        "SELECT line_byte_position AS start, arg_min(column_name, column_idx), "
        "arg_min(error_message, column_idx), any_value(csv_line) "
        "FROM reject_errors GROUP BY start ORDER BY start"
    ).fetchall()
    if not rows:
        return []
    lines = _lines_at(plain, [position or 0 for position, *_ in rows])
    return [
        BadRow(path, line, name or "", _problem(message or ""), line_text or "")
        for line, (_, name, message, line_text) in zip(lines, rows, strict=True)
    ]


def _problem(message: str) -> str:
    first = next(iter(message.strip().splitlines()), "the row is malformed")
    _, converting, told = first.partition("Error when converting column")
    if first.startswith("Invalid unicode"):
        return _NO_UNICODE
    return told.partition(". ")[2] if converting else first


def _lines_at(path: Path, positions: Sequence[int]) -> list[int]:
    """Line numbers, from 1, of ascending byte positions, from 1."""
    lines, line, read = [], 1, 0
    with open(path, "rb") as file:
        for position in positions:
            while read < position - 1:
                block = file.read(min(1 << 20, position - 1 - read))
                if not block:
                    break
                line += block.count(b"\n")
                read += len(block)
            # Blank lines before a row belong to what DuckDB took for it.
            while (byte := file.read(1)) in (b"\r", b"\n"):
                line += byte == b"\n"
                read += 1
            read += len(byte)
            lines.append(line)
    return lines


def _read_row_by_row(
    connection: duckdb.DuckDBPyConnection,
    rejects: Rejects,
    table: str,
    path: Path,
    plain: Path,
    layout: Layout,
    names: list[str],
) -> None:
    """By Python: slower, and sure of where each row begins."""
    staged = f"{table}_texts"
    bad: list[BadRow] = []
    stray: list[int] = []
    fields = {f"c{place}": "VARCHAR" for place in range(len(names))}
    rows = _kept_fields(path, plain, layout, names, rejects.room, bad, stray)
    count = stream_rows(connection, staged, fields | {"row": "BIGINT"}, rows)
    kinds = [layout.columns[name] for name in names]
    bad += _not_of_type(connection, staged, path, names, kinds, rejects.room)
    rejects.add(bad)
    rejects.count(path, count + len(bad))
    if stray:
        rejects.note(
            f"{path.name}: {len(stray):,} rows, the first in line {stray[0]}, "
            "have a quote mark that quotes nothing in a column that is not "
            "read; they are read as they stand"
        )
    selected = ", ".join(
        f"TRY_CAST(c{place} AS {kind}) AS {quoted(name)}"
        for place, (name, kind) in enumerate(zip(names, kinds, strict=True))
    )
    connection.execute(
        f"CREATE TABLE {table} AS SELECT {selected} FROM {staged} ORDER BY row"
    )
    connection.execute(f"DROP TABLE {staged}")


def _kept_fields(
    path: Path,
    plain: Path,
    layout: Layout,
    names: list[str],
    room: int,
    bad: list[BadRow],
    stray: list[int],
) -> Iterator[tuple]:
    """(fields..., line) of every row that is not malformed."""
    every = list(layout.columns)
    places = [every.index(name) for name in names]
    for record in _body(plain, layout, names):
        problem, column = record.problem, ""
        if not problem:
            wrong = [p for p in places if not _is_unicode(record.fields[p])]
            if wrong:
                problem, column = _NO_UNICODE, every[wrong[0]]
        if problem:
            shown = record.text.encode("utf-8", "replace").decode()
            bad.append(BadRow(path, record.line, column, problem, shown))
            if len(bad) > room:
                return
            continue
        if record.stray:
            stray.append(record.line)
        yield *(record.fields[place] for place in places), record.line


def _body(
    plain: Path, layout: Layout, names: Sequence[str]
) -> Iterator[Record]:
    records = read_records(plain, layout, names)
    return itertools.islice(records, int(layout.header), None)


def _is_unicode(field: str) -> bool:
    return field.isascii() or not any(
        "\ud800" <= char <= "\udfff" for char in field
    )


def _not_of_type(
    connection: duckdb.DuckDBPyConnection,
    staged: str,
    path: Path,
    names: list[str],
    kinds: list[str],
    room: int,
) -> list[BadRow]:
    """Takes rows out whose fields are not of their columns' types."""
    found = []
    for place, (name, kind) in enumerate(zip(names, kinds, strict=True)):
        if kind == "VARCHAR":
            continue
        wrong = f"TRY_CAST(c{place} AS {kind}) IS NULL"
        rows = connection.execute(
            f"SELECT row, c{place} FROM {staged} WHERE {wrong} "
            f"ORDER BY row LIMIT {room + 1}"
        ).fetchall()
        connection.execute(f"DELETE FROM {staged} WHERE {wrong}")
        found += [
            BadRow(
                path,
                line,
                name,
                f'Could not convert string "{value}" to {kind!r}',
            )
            for line, value in rows
        ]
    return found


def reject_where(
    connection: duckdb.DuckDBPyConnection,
    rejects: Rejects,
    table: str,
    path: Path,
    layout: Layout,
    wrong: Mapping[str, tuple[str, str]],
) -> None:
    """Rejects and deletes rows of the right types, but with wrong values.

    Args:
      table: As `read_delimited` made it of `path`.
      wrong: Column to (SQL that is true of a wrong row, what is wrong).

    Raises:
      InputError: They are more than allowed.
    """

    def places(rows: Sequence[int]) -> list[tuple[Path, int, str]]:
        found = lines_of(connection, path, layout, rows, rejects)
        return [(path, line, told) for line, told in found]

    listed = [(column, *told) for column, told in wrong.items()]
    reject_rows(connection, rejects, table, listed, places)


def reject_rows(
    connection: duckdb.DuckDBPyConnection,
    rejects: Rejects,
    table: str,
    wrong: Sequence[tuple[str, str, str]],
    places: Places,
) -> None:
    """As `reject_where`, of a table whose rows `places` finds.

    Args:
      wrong: (column, SQL that is true of a wrong row, what is wrong).
    """
    cases = " ".join(
        f"WHEN {condition} THEN {number}"
        for number, (_, condition, _) in enumerate(wrong)
    )
    found = connection.execute(
        f"SELECT rowid, CASE {cases} END AS wrong_column FROM {table} "
        "WHERE wrong_column IS NOT NULL ORDER BY rowid "
        f"LIMIT {rejects.room + 1}"
    ).fetchall()
    if not found:
        return
    rejects.add(
        BadRow(path, line, wrong[number][0], wrong[number][2], shown)
        for (path, line, shown), (_, number) in zip(
            places([row for row, _ in found]), found, strict=True
        )
    )
    rows = ", ".join(str(row) for row, _ in found)
    connection.execute(f"DELETE FROM {table} WHERE rowid IN ({rows})")


def lines_of(
    connection: duckdb.DuckDBPyConnection,
    path: Path,
    layout: Layout,
    rows: Sequence[int],
    rejects: Rejects,
) -> list[tuple[int, str]]:
    """(line, text) of ascending numbers of accepted rows, from 0."""
    rejected = {bad.line for bad in rejects.rows if bad.path == path}
    wanted = set(rows)
    with plain_text(path, layout.encoding, connection) as plain:
        accepted = (
            record
            for record in _body(plain, layout, ())
            if record.line not in rejected
        )
        numbered = enumerate(itertools.islice(accepted, rows[-1] + 1))
        return [
            (record.line, record.text)
            for row, record in numbered
            if row in wanted
        ]


def quoted(name: str) -> str:
    """A column's name in SQL."""
    return '"' + name.replace('"', '""') + '"'


def text(value: str) -> str:
    """A text in SQL."""
    return "'" + value.replace("'", "''") + "'"


def no_pattern(path: Path) -> str:
    """A path that DuckDB takes for itself, whatever signs are in it."""
    signs = {"[": "[[]", "*": "[*]", "?": "[?]"}
    return "".join(signs.get(char, char) for char in str(path))
