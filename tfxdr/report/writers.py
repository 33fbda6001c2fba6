"""Which way a file is written: its suffix says so."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TypeVar

from tfxdr.errors import InputError

W = TypeVar("W")


def writer_for(path: Path, writers: Mapping[str, W]) -> W:
    """What writes a file.

    Args:
      path: of the file.
      writers: by suffix.

    Raises:
      InputError: nothing is written so.
    """
    if path.suffix not in writers:
        raise InputError(
            "--output: expected a file that ends in one of "
            f"{', '.join(writers)}, found {path}"
        )
    return writers[path.suffix]
