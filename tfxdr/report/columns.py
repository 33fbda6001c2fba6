"""Answers in columns, whole: what is shown can be copied."""

from __future__ import annotations

import sys
from collections.abc import Collection, Sequence
from typing import IO

import rich.cells

from tfxdr.report.text import printable


def print_columns(
    titles: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    right: Collection[str] = (),
    file: IO[str] | None = None,
) -> None:
    """Prints a line for each row, as long as its texts are.

    Nothing is cut or folded, whatever the width of a terminal, and texts mean
    nothing but themselves: no markup, no emoji, no escape codes.

    Args:
      titles: of the columns.
      rows: texts, as many as there are titles.
      right: titles of columns that stand to the right.
      file: where to; by default the standard output.
    """
    lines = [titles, *([printable(cell) for cell in row] for row in rows)]
    columns = zip(*lines, strict=True)
    widths = [max(map(rich.cells.cell_len, column)) for column in columns]
    for line in lines:
        cells = []
        for title, cell, width in zip(titles, line, widths, strict=True):
            blank = " " * (width - rich.cells.cell_len(cell))
            cells.append(blank + cell if title in right else cell + blank)
        print(f" {'  '.join(cells)}".rstrip(), file=file or sys.stdout)
