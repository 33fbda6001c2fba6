"""Delimited text files into DuckDB, every malformed row accounted for."""

from __future__ import annotations

import csv
import dataclasses
import gzip
import itertools
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import duckdb

from tfxdr.datasets.readers.integrity import is_gzip
from tfxdr.datasets.readers.rejects import BadRow, Rejects
from tfxdr.errors import InputError

# Never the text of a field: empty fields stay texts, and fail as numbers.
_NO_NULL = "\x01\x02"
_MAX_LINE_BYTES = 1 << 24


@dataclasses.dataclass(frozen=True)
class Layout:
    """How a text file is written.

    Attributes:
      columns: Name to DuckDB type, of all columns in the file's order.
      delimiter: Up to four characters.
      header: Whether the first line names the columns.
      quote: "" if quotes mean nothing.
    """

    columns: Mapping[str, str]
    delimiter: str
    header: bool = False
    quote: str = '"'


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
    type does not take (an empty one is no number), go to `rejects`.

    Raises:
      InputError: More malformed rows than allowed, or unreadable as text.
    """
    names = ", ".join(
        f"{_text(name)}: {_text(kind)}" for name, kind in layout.columns.items()
    )
    selected = ", ".join(map(quoted, keep or layout.columns))
    # A row gives at most one reject for each column and one for itself.
    limit = (rejects.room + 1) * (len(layout.columns) + 1)
    try:
        connection.execute(
            f"CREATE TABLE {table} AS SELECT {selected} FROM read_csv("
            f"{_text(str(path))}, auto_detect=false, "
            f"delim={_text(layout.delimiter)}, header={layout.header}, "
            f"quote={_text(layout.quote)}, escape={_text(layout.quote)}, "
            f"nullstr={_text(_NO_NULL)}, columns={{{names}}}, "
            f"compression='{'gzip' if is_gzip(path) else 'none'}', "
            f"max_line_size={_MAX_LINE_BYTES}, "
            f"store_rejects=true, rejects_limit={limit})"
        )
    except duckdb.InvalidInputException as error:
        raise InputError(
            f"{path} is not readable as text with delimiter "
            f"{layout.delimiter!r}: {str(error).splitlines()[0]} Lines must "
            "all end the same way, and every quote must be closed"
        ) from error
    try:
        rejects.add(_rejected(connection, path))
    finally:
        connection.execute("DROP TABLE reject_errors")
        connection.execute("DROP TABLE reject_scans")


def _rejected(
    connection: duckdb.DuckDBPyConnection, path: Path
) -> list[BadRow]:
    """One bad row for each line, however many errors DuckDB found in it."""
    rows = connection.execute(
        "SELECT line_byte_position AS start, arg_min(column_name, column_idx), "
        "arg_min(error_message, column_idx), any_value(csv_line) "
        "FROM reject_errors GROUP BY start ORDER BY start"
    ).fetchall()
    if not rows:
        return []
    # DuckDB counts records, which is not lines where quotes span some.
    lines = _lines_at(path, [position for position, *_ in rows])
    return [
        BadRow(path, line, name or "", _problem(message), text or "")
        for line, (_, name, message, text) in zip(lines, rows, strict=True)
    ]


def _problem(message: str) -> str:
    first = message.strip().splitlines()[0]
    _, converting, told = first.partition("Error when converting column")
    return told.partition(". ")[2] if converting else first


def _lines_at(path: Path, positions: Sequence[int]) -> list[int]:
    """Line numbers, from 1, of ascending byte positions, from 1."""
    lines, line, read = [], 1, 0
    with _open_bytes(path) as file:
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


def _open_bytes(path: Path):
    return gzip.open(path) if is_gzip(path) else open(path, "rb")


def open_text(path: Path, encoding: str = "utf-8"):
    """Opens a plain or gzipped text, line ends untouched.

    Bytes that are no text in `encoding` read as U+FFFD.
    """
    opener = gzip.open if is_gzip(path) else open
    return opener(path, "rt", encoding=encoding, errors="replace", newline="")


def first_line(path: Path) -> str:
    """The first line without its end; "" if there is none."""
    with open_text(path, "utf-8-sig") as file:
        return file.readline().rstrip("\r\n")


def records(path: Path, layout: Layout) -> Iterator[tuple[int, list[str]]]:
    """(first line, fields) of every record that is not blank; slow."""
    with open_text(path, "utf-8-sig") as file:
        if len(layout.delimiter) > 1:
            for line, text in enumerate(file, 1):
                if text := text.rstrip("\r\n"):
                    yield line, text.split(layout.delimiter)
            return
        if layout.quote:
            reader = csv.reader(file, delimiter=layout.delimiter)
        else:
            reader = csv.reader(
                file, delimiter=layout.delimiter, quoting=csv.QUOTE_NONE
            )
        line = 1
        for fields in reader:
            if fields:
                yield line, fields
            line = reader.line_num + 1


def reject_where(
    connection: duckdb.DuckDBPyConnection,
    rejects: Rejects,
    table: str,
    path: Path,
    layout: Layout | None,
    wrong: Mapping[str, tuple[str, str]],
) -> None:
    """Rejects and deletes rows of the right types, but with wrong values.

    Args:
      table: As `read_delimited` made it of `path`.
      layout: None for a file that is no text: a bad row's line is its number.
      wrong: Column to (SQL that is true of a wrong row, what is wrong).

    Raises:
      InputError: They are more than allowed.
    """
    cases = " ".join(
        f"WHEN {condition} THEN {_text(column)}"
        for column, (condition, _) in wrong.items()
    )
    found = connection.execute(
        f"SELECT rowid, CASE {cases} END AS wrong_column FROM {table} "
        "WHERE wrong_column IS NOT NULL ORDER BY rowid "
        f"LIMIT {rejects.room + 1}"
    ).fetchall()
    if not found:
        return
    lines = _lines_of(path, layout, [row for row, _ in found], rejects)
    rejects.add(
        BadRow(path, line, column, wrong[column][1], text)
        for (line, text), (_, column) in zip(lines, found, strict=True)
    )
    rows = ", ".join(str(row) for row, _ in found)
    connection.execute(f"DELETE FROM {table} WHERE rowid IN ({rows})")


def _lines_of(
    path: Path, layout: Layout | None, rows: Sequence[int], rejects: Rejects
) -> list[tuple[int, str]]:
    """(line, text) of ascending row numbers, counted from 0."""
    if layout is None:
        return [(row + 1, "") for row in rows]
    rejected = {bad.line for bad in rejects.rows if bad.path == path}
    accepted = (
        (line, layout.delimiter.join(fields))
        for line, fields in itertools.islice(
            records(path, layout), int(layout.header), None
        )
        if line not in rejected
    )
    wanted, last = set(rows), rows[-1]
    numbered = enumerate(itertools.islice(accepted, last + 1))
    return [found for row, found in numbered if row in wanted]


def quoted(name: str) -> str:
    """A column's name in SQL."""
    return '"' + name.replace('"', '""') + '"'


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
