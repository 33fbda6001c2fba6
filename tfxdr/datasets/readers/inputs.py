"""What an option names: files, folders, patterns, tables of Python."""

from __future__ import annotations

import glob as patterns
import os
import re
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tfxdr.datasets.readers.queries import TABLES, write_table
from tfxdr.datasets.readers.table_files import Input
from tfxdr.errors import InputError

# As s3a://bucket/logs; a drive's letter is none.
_ADDRESS = re.compile(r"[A-Za-z][\w+.-]+://")


class GivenTable:
    """A table of Python's libraries, kept as a file while this lives."""

    def __init__(self, table: Any, name: str):
        self._folder = tempfile.TemporaryDirectory(prefix="tfxdr-table-")
        self.path = Path(self._folder.name) / f"{name}.parquet"
        write_table(table, self.path)


def find_inputs(
    value: str | Path | list | tuple,
    option: str,
    check: Callable[[str | Path], Path],
    *,
    glob: bool = False,
    database: Path | None = None,
) -> tuple[Input, ...]:
    """The files that an option names, in order.

    Args:
      value: A path, or several. A folder stands for the files in it. What
        lies elsewhere, as s3a://bucket/logs, is not looked for.
      option: Its name, for messages.
      check: Makes sure that a path exists.
      glob: Whether *, ? and [ ] in a path are a pattern.
      database: Where `value` is a table or a query, unless it is a file.

    Raises:
      InputError: One is not there.
    """
    if isinstance(value, (list, tuple)):
        if not value:
            raise InputError(f"--dataset=events({option}=[]): names no file")
        every = [
            find_inputs(one, option, check, glob=glob, database=database)
            for one in value
        ]
        return tuple(found for inputs in every for found in inputs)
    if not isinstance(value, (str, Path)):
        raise InputError(
            f"--dataset=events({option}=...): expected {TABLES}, found "
            f"{type(value).__name__}"
        )
    if _ADDRESS.match(str(value)):
        return (Input(Path(value), address=str(value)),)
    named = os.path.expanduser(value)
    if database is not None and value and not os.path.isfile(named):
        return (Input(database, str(value)),)
    if glob and value:
        found = sorted(patterns.glob(named, recursive=True))
        files = [path for path in found if os.path.isfile(path)]
        if not files:
            raise InputError(
                f"--dataset=events({option}=...): no file is called like "
                f"{value}"
            )
        return tuple(Input(Path(path)) for path in files)
    path = check(value)
    if path.is_dir():
        return tuple(map(Input, _in_folder(path, option)))
    return (Input(path),)


def _in_folder(folder: Path, option: str) -> list[Path]:
    """Its files as Spark writes them: hidden ones and markers are none."""
    found = [
        path
        for path in sorted(folder.rglob("*"))
        if path.is_file()
        and not any(
            part.startswith((".", "_"))
            for part in path.relative_to(folder).parts
        )
        and path.stat().st_size
    ]
    if not found:
        raise InputError(
            f"--dataset=events({option}=...): the folder {folder} has no files"
        )
    return found
