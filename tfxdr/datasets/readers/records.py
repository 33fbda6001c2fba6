"""The rows of a delimited text, one by one; no row swallows another."""

from __future__ import annotations

import collections
import csv
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from tfxdr.datasets.readers.layout import Layout, is_number_or_date

_MAX_FIELD = 1 << 30
# A quoted text of more lines or characters is taken for a stray quote.
_MAX_LINES = 10_000
_MAX_CHARACTERS = 1 << 26
_UNCLOSED = "unexpected end of data"


class Record(NamedTuple):
    """A row: its first line, its fields, what is wrong with it ("").

    `stray` rows have a quote mark that quotes nothing, and are read as they
    stand.
    """

    line: int
    fields: list[str]
    text: str
    problem: str = ""
    stray: bool = False


def read_records(
    path: Path, layout: Layout, keep: Sequence[str] = ()
) -> Iterator[Record]:
    """Every row of a plain UTF-8 text that is not blank, header included.

    A field that quotes open may span lines. Where it does not end as it
    should, or would swallow a line that is a row by itself, its quote mark
    quotes nothing: the row is read as it stands, if it has the right number
    of fields and the mark is in none of `keep`; otherwise it is malformed.

    Bytes that are no UTF-8 are lone surrogates.
    """
    csv.field_size_limit(max(csv.field_size_limit(), _MAX_FIELD))
    with open(
        path,
        encoding="utf-8-sig",
        errors="surrogateescape",
        newline=_line_end(path),
    ) as file:
        lines = _Lines(file)
        reader = _Reader(layout, keep)
        while (text := lines.take()) is not None:
            if text:
                yield reader.record(lines, text)


def _line_end(path: Path) -> str:
    with open(path, "rb") as file:
        head = file.read(1 << 16)
    return "\r" if b"\r" in head and b"\n" not in head else "\n"


class _Lines:
    """Lines without their ends, that can be looked at before they are taken.

    `number` is that of the line taken last.
    """

    def __init__(self, file):
        self._file = file
        self._ahead: collections.deque[str] = collections.deque()
        self.number = 0

    def take(self) -> str | None:
        text = self._ahead.popleft() if self._ahead else self._file.readline()
        if not text:
            return None
        self.number += 1
        return _without_end(text)

    def peek(self, index: int) -> str | None:
        """The line behind the next `index` ones."""
        while len(self._ahead) <= index:
            text = self._file.readline()
            if not text:
                return None
            self._ahead.append(text)
        return _without_end(self._ahead[index])

    def skip(self, count: int) -> None:
        for _ in range(count):
            self.take()


def _without_end(text: str) -> str:
    return text.removesuffix("\n").removesuffix("\r")


class _Reader:
    """Reads records of one layout."""

    def __init__(self, layout: Layout, keep: Sequence[str]):
        names = list(layout.columns)
        self.layout = layout
        self.columns = len(names)
        self.kept = [names.index(name) for name in keep or names]
        self.markers = [names.index(name) for name in layout.markers]
        # The csv module knows delimiters of one character.
        self.quote = layout.quote if len(layout.delimiter) == 1 else ""

    def record(self, lines: _Lines, text: str) -> Record:
        line = lines.number
        if not self.quote or self.quote not in text:
            return self._checked(line, self._plain(text), text)
        fields, problem = self._parse([text])
        if problem == _UNCLOSED:
            fields = self._spanning(lines, text)
        if fields is None or len(fields) != self.columns:
            literal = self._literal(text)
            if literal is not None:
                return Record(line, literal, text, stray=True)
        if fields is None:
            return Record(line, [], text, self._told())
        return self._checked(line, fields, text)

    def _checked(self, line: int, fields: list[str], text: str) -> Record:
        problem = ""
        if len(fields) != self.columns:
            problem = (
                f"Expected Number of Columns: {self.columns} "
                f"Found: {len(fields)}"
            )
        return Record(line, fields, text, problem)

    def _plain(self, text: str) -> list[str]:
        if self.layout.delimiter == " ":
            return [field for field in text.split(" ") if field]
        return text.split(self.layout.delimiter)

    def _parse(self, parts: list[str]) -> tuple[list[str] | None, str]:
        """Fields, or why there are none."""
        spaced = self.layout.delimiter == " "
        escape = self.layout.escape
        reader = csv.reader(
            [part.strip(" ") for part in parts] if spaced else parts,
            delimiter=self.layout.delimiter,
            quotechar=self.quote,
            doublequote=escape in ("", self.quote),
            escapechar=escape if escape not in ("", self.quote) else None,
            skipinitialspace=spaced,
            strict=True,
        )
        try:
            rows = list(reader)
        except csv.Error as error:
            return None, str(error)
        return (rows[0], "") if len(rows) == 1 else (None, "several rows")

    def _spanning(self, lines: _Lines, text: str) -> list[str] | None:
        """The fields of a row that spans lines, which are then taken."""
        parts, size = [text + "\n"], len(text)
        is_row = self._is_row(text)
        for index in range(_MAX_LINES):
            more = lines.peek(index)
            if more is None or size > _MAX_CHARACTERS:
                return None
            # The line that ends a text in the first column is like a row too.
            if self._is_row(more) and (is_row or self.quote not in more):
                return None
            size += len(more)
            parts.append(more + "\n")
            if self.quote not in more:
                continue
            fields, problem = self._parse([*parts[:-1], more])
            if fields is not None:
                lines.skip(index + 1)
                return fields
            if problem != _UNCLOSED:
                return None
        return None

    def _is_row(self, text: str) -> bool:
        """Whether a line looks like a row of its own."""
        fields = self._plain(text)
        return len(fields) == self.columns > 1 and all(
            is_number_or_date(fields[marker]) for marker in self.markers
        )

    def _literal(self, text: str) -> list[str] | None:
        """Fields as they stand, if no quote mark is in what is kept."""
        fields = self._plain(text)
        quoted = any(
            fields[place].startswith(self.quote)
            or fields[place].endswith(self.quote)
            for place in self.kept
            if place < len(fields)
        )
        right = len(fields) == self.columns and not quoted
        return fields if right else None

    def _told(self) -> str:
        told = (
            f"a quote mark {self.quote} opens a text that does not end as it "
            "should"
        )
        if "\\" not in self.layout.escape:
            told += (
                "; inside quotes it is doubled (escape='\\\\' if a backslash "
                'escapes it, as \\")'
            )
        return told + "; quote='' if quotes mean nothing"
