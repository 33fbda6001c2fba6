"""What each epoch gave, read from `history.csv` of a run."""

from __future__ import annotations

import csv
import math
import os
from collections.abc import Mapping

from tfxdr.errors import InputError

_REMEDY = "start the run again with --overwrite"


def read_history(
    path: str | os.PathLike[str],
) -> list[dict[str, str | float]]:
    """Reads `history.csv`: a line per stage and epoch.

    Returns:
      One mapping per line: `stage` is text, everything else a number; empty
      cells are left out.

    Raises:
      InputError: the file is missing, has no column `stage` or `epoch`, or
        holds something that is no number.
    """
    try:
        with open(path, encoding="utf-8", newline="") as file:
            reader = csv.DictReader(file)
            for column in ("stage", "epoch"):
                if column not in (reader.fieldnames or ()):
                    raise InputError(
                        f"{path}: expected a column {column!r}, found "
                        f"{', '.join(reader.fieldnames or ()) or 'none'}; "
                        f"{_REMEDY}"
                    )
            return [
                _parsed(line, f"{path}, line {reader.line_num}")
                for line in reader
            ]
    except FileNotFoundError:
        raise InputError(f"there is no history of a run at {path}") from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(
            f"{path}: expected a table as text ({error}); {_REMEDY}"
        ) from error


def _parsed(line: Mapping[str, str], place: str) -> dict[str, str | float]:
    row: dict[str, str | float] = {}
    for column, text in line.items():
        if column == "stage":
            row[column] = text
        elif text:
            try:
                row[column] = float(text)
            except (TypeError, ValueError):
                raise InputError(
                    f"{place}: expected a number in column {column!r}, found "
                    f"{text!r}; {_REMEDY}"
                ) from None
    if not float(row.get("epoch", math.nan)).is_integer():
        raise InputError(
            f"{place}: expected a whole number in column 'epoch', found "
            f"{line['epoch']!r}; {_REMEDY}"
        )
    return row
