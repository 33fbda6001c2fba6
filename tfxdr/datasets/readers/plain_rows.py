"""Whether every line of a text is one row, whoever reads it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from tfxdr.datasets.readers.layout import Layout

_BLOCK = 1 << 22
# Below DuckDB's own limit of a line.
_MAX_LINE = 1 << 23
_LINE, _RETURN = 10, 13


def count_plain_rows(path: Path, layout: Layout) -> int | None:
    """The rows of a UTF-8 text in which each line that is not blank is one.

    Then a fast reader cannot go wrong, and what it reads can be counted.

    Returns:
      Rows without the header; None where quotes span lines or are out of
      order, line ends differ, a line is very long, or fields are parted or
      quotes escaped in a way that not every reader knows.
    """
    if layout.delimiter == " " or layout.escape not in ("", layout.quote):
        return None
    rows, ends = 0, set()
    for block in _blocks(path):
        if len(block) > _BLOCK + _MAX_LINE or b"\x00" in block:
            return None
        ends_here = np.frombuffer(block, np.uint8) == _LINE
        lines = int(np.count_nonzero(ends_here))
        returns = block.count(b"\r")
        if returns and returns != block.count(b"\r\n"):
            return None
        # The last line may have no end; others all end the same way.
        ends |= {returns > 0} if lines else set()
        if len(ends) > 1 or returns not in (0, lines):
            return None
        quote = layout.quote.encode()
        if quote and quote in block and not _in_order(block, layout):
            return None
        rows += lines + (block[-1:] != b"\n")
        if (
            (ends_here[1:] & ends_here[:-1]).any()
            or block.startswith((b"\n", b"\r\n"))
            or (returns and b"\n\r\n" in block)
        ):
            rows -= _blank_lines(block)
    return max(rows - layout.header, 0)


def _blocks(path: Path) -> Iterator[bytes]:
    """Whole lines, about `_BLOCK` bytes at a time; more of a longer line."""
    with open(path, "rb") as file:
        rest = b""
        while block := file.read(_BLOCK):
            if rest:
                block = rest + block
            end = block.rfind(b"\n") + 1
            if end or len(block) > _BLOCK + _MAX_LINE:
                yield block[: end or len(block)]
                rest = block[end:] if end else b""
            else:
                rest = block
        if rest:
            yield rest


def _blank_lines(block: bytes) -> int:
    lines = block.removesuffix(b"\n").split(b"\n")
    return sum(not line.strip(b"\r") for line in lines)


def _in_order(block: bytes, layout: Layout) -> bool:
    """Whether each quote opens or closes a field, or is doubled inside one,
    and no line ends inside quotes."""
    values = np.frombuffer(block, np.uint8)
    quote = ord(layout.quote)
    places = np.flatnonzero(values == quote)
    if len(places) % 2:
        return False
    opening, closing = places[::2], places[1::2]
    delimiter = layout.delimiter.encode()
    # An odd quote that follows an even one at once is the second of a pair.
    doubled = np.flatnonzero(opening[1:] == closing[:-1] + 1)
    before = values[opening - 1]
    opens = (before == delimiter[-1]) | (before == _LINE) | (opening == 0)
    opens[doubled + 1] = True
    after = values[np.minimum(closing + 1, len(values) - 1)]
    closes = (after == delimiter[0]) | (after == _LINE) | (after == _RETURN)
    closes |= closing == len(values) - 1
    closes[doubled] = True
    if not (opens.all() and closes.all()):
        return False
    ends = np.flatnonzero(values == _LINE)
    spans = np.searchsorted(ends, opening) != np.searchsorted(ends, closing)
    return not spans.any()
