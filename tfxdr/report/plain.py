"""Ids and titles of the data, as a terminal may be shown them."""

from __future__ import annotations

import unicodedata
from collections.abc import Collection, Sequence

from rich.cells import cell_len

_LONG = 40  # cells; a longer id is shown whole and moves what stands behind it
# Emoji and Persian words are spelled with them.
_JOINERS = "\u200c\u200d"


def printable(text: str) -> str:
    """The text, with `\\x1b` and the like for what a terminal would obey.

    Control characters, line separators and what turns the direction of
    writing are spelled out; nothing is cut, nothing is read as markup.
    """
    if text.isprintable():
        return text
    return "".join(_shown(character) for character in text)


def _shown(character: str) -> str:
    if character in _JOINERS or unicodedata.category(character) == "Zs":
        return character
    if character.isprintable():
        return character
    return character.encode("unicode_escape").decode("ascii")


def aligned(
    lines: Sequence[Sequence[str]], numbers: Collection[int] = ()
) -> str:
    """Cells in columns, all of them whole: ids are there to be copied.

    Args:
      lines: of the same number of printable cells.
      numbers: columns that stand on the right.
    """
    widths = [
        max(length for length in map(cell_len, column) if length <= _LONG)
        for column in zip(*lines, strict=True)
    ]

    def line(cells: Sequence[str]) -> str:
        padded = []
        for place, (text, width) in enumerate(zip(cells, widths, strict=True)):
            room = " " * (width - cell_len(text))
            padded.append(room + text if place in numbers else text + room)
        return f" {'  '.join(padded)}".rstrip()

    return "\n".join(map(line, lines))
