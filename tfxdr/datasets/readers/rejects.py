"""Malformed rows: an error, or counted when the user allows some."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from pathlib import Path

from tfxdr.errors import InputError

_MAX_EXAMPLES = 10
_MAX_TEXT = 80


@dataclasses.dataclass(frozen=True, order=True)
class BadRow:
    """Where a malformed row stands and what is wrong with it.

    `line` counts from 1 and is the physical line of a text file, or the row
    of a Parquet file; 0 where many have read the file in parts.
    """

    path: Path
    line: int
    column: str
    problem: str
    text: str = ""

    def __str__(self) -> str:
        column = f", column {self.column}" if self.column else ""
        text = self.text.strip()
        if len(text) > _MAX_TEXT:
            text = text[:_MAX_TEXT] + "…"
        shown = f" (the row: {text})" if text else ""
        line = f", line {self.line}" if self.line else ""
        return f"{self.path}{line}{column}: {self.problem}{shown}"


class Rejects:
    """What reading meets: malformed rows, up to the number that the user
    allows, and what was taken for granted.

    Attributes:
      rows: The malformed rows.
      read: File to the number of its rows, malformed ones included.
      notes: What was found out of the files, or is odd in them; a line each.
    """

    def __init__(self, max_bad_rows: int = 0):
        self.max_bad_rows = max_bad_rows
        self.rows: list[BadRow] = []
        self.read: dict[Path, int] = {}
        self.notes: list[str] = []

    def __len__(self) -> int:
        return len(self.rows)

    def add(self, rows: Iterable[BadRow]) -> None:
        """Adds rows of one file.

        Raises:
          InputError: There are more than `max_bad_rows`; names the first.
        """
        added = sorted(rows)
        self.rows += added
        if len(self.rows) <= self.max_bad_rows:
            return
        allowed = (
            "Mend the row, or let N such rows pass by --max_bad_rows=N"
            if not self.max_bad_rows
            else f"More than --max_bad_rows={self.max_bad_rows} rows are "
            "malformed"
        )
        raise InputError(f"malformed row: {self.rows[0]}. {allowed}")

    def count(self, path: Path, rows: int) -> None:
        """So many rows went in."""
        self.read[path] = rows

    def note(self, text: str) -> None:
        """A line for the user; said once."""
        if text not in self.notes:
            self.notes.append(text)

    @property
    def room(self) -> int:
        """How many more rows may be added."""
        return self.max_bad_rows - len(self.rows)

    def examples(self) -> list[str]:
        return [str(row) for row in self.rows[:_MAX_EXAMPLES]]
