"""Texts in columns, whole: what is shown can be copied."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from rich.cells import cell_len

from tfxdr.start_up import printable

_LONG = 40  # cells; a longer text is whole, and moves what stands behind it


def aligned(
    titles: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    right: Collection[str] = (),
) -> str:
    """A line for the titles and for each row, as long as its texts are.

    Nothing is cut or folded, whatever the width of a terminal, and texts mean
    nothing but themselves: no markup, no emoji, no escape codes.

    Args:
      titles: of the columns.
      rows: texts, as many as there are titles.
      right: titles of columns that stand to the right.
    """
    lines = [titles, *([printable(cell) for cell in row] for row in rows)]
    widths = [
        max(width for width in map(cell_len, column) if width <= _LONG)
        for column in zip(*lines, strict=True)
    ]

    def padded(cells: Sequence[str]) -> str:
        texts = []
        for title, cell, width in zip(titles, cells, widths, strict=True):
            blank = " " * (width - cell_len(cell))
            texts.append(blank + cell if title in right else cell + blank)
        return f" {'  '.join(texts)}".rstrip()

    return "\n".join(map(padded, lines))


def widened(
    titles: Sequence[str],
    rows: Sequence[Sequence[str]],
    more: Mapping[str, Mapping[str, str]],
) -> tuple[list[str], list[list[str]]]:
    """Titles and rows with further columns, in order of appearance.

    Args:
      titles: of the columns.
      rows: texts, of which the first is the row's name.
      more: texts by title of the column, by name of the row; blank where a
        row has none.
    """
    keys = list(dict.fromkeys(key for cells in more.values() for key in cells))
    return [*titles, *keys], [
        [*row, *(more[row[0]].get(key, "") for key in keys)] for row in rows
    ]


def markdown(
    titles: Sequence[str], rows: Sequence[Sequence[str]], *, left: int = 1
) -> str:
    """A table in Markdown, of cells that mean there what they should.

    Args:
      titles: of the columns.
      rows: texts, as many as there are titles.
      left: how many columns are words, and begin at the left.
    """
    dashes = ["---" if n < left else "---:" for n in range(len(titles))]
    lines = [titles, dashes, *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)
