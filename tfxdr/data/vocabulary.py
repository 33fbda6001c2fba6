"""Item vocabularies as text files: line `i` (from 0) is the id `i + 2`."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

_ESCAPES = {"\\": "\\\\", "\n": "\\n", "\r": "\\r"}
_UNESCAPES = {escaped: raw for raw, escaped in _ESCAPES.items()}


def order_items(items: Sequence[str], counts: np.ndarray) -> np.ndarray:
    """Orders items by (frequency descending, raw id ascending).

    Args:
      items: Raw ids in ascending order.
      counts: `[items]` how often each occurs; those with 0 are left out.

    Returns:
      `[kept]` int64 positions in `items`; the first gets id 2.
    """
    order = np.argsort(-counts, kind="stable")
    return order[: np.count_nonzero(counts)]


def write_lines(path: Path, lines: Sequence[str]) -> None:
    """Writes one text per line; line breaks inside become `\\n`, `\\r`."""
    text = "".join(_escape(line) + "\n" for line in lines)
    path.write_bytes(text.encode())


def read_lines(path: Path) -> np.ndarray:
    """What `write_lines` wrote, `[lines]` object array of str."""
    lines = path.read_bytes().decode().split("\n")[:-1]
    return np.array([_unescape(line) for line in lines], object)


def _escape(text: str) -> str:
    return re.sub(r"[\\\n\r]", lambda match: _ESCAPES[match[0]], text)


def _unescape(text: str) -> str:
    return re.sub(r"\\[\\nr]", lambda match: _UNESCAPES[match[0]], text)
