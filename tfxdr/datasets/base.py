"""What a data set is to tfxdr: the base of everything in `datasets`."""

from __future__ import annotations

import contextlib
import inspect
import sys
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tfxdr.datasets.readers.rejects import Rejects
from tfxdr.errors import InputError

if TYPE_CHECKING:
    import duckdb

    from tfxdr.datasets.readers.event_table import EventTable

_NAMED = (
    inspect.Parameter.POSITIONAL_OR_KEYWORD,
    inspect.Parameter.KEYWORD_ONLY,
)


class Source:
    """Two domains' events, read into DuckDB.

    A data set is one small class:

        @tfxdr.datasets.register("shop")
        class Shop(tfxdr.Source):
            def __init__(self, path: str = ""):
                self.path = self.check_path(path)

            def files(self):
                return [self.path]

            def load(self, connection, rejects):
                connection.execute("CREATE VIEW source AS ...")
                connection.execute("CREATE VIEW target AS ...")

    `load` makes tables or views

    - `source`, `target`: `user VARCHAR, item VARCHAR, time BIGINT,
      rating DOUBLE, row BIGINT`; of the target also `split TINYINT` (0
      training, 1 validation, 2 test) where the data have a split of their
      own. Histories are ordered by (time, row). `time` is NULL in every row
      where there is none, in one unit for both tables; `rating` may be NULL;
      users and items are never NULL nor empty;
    - optionally `attributes`: `user VARCHAR` and a VARCHAR column for each
      attribute of the users;
    - optionally `source_titles`, `target_titles`: `item VARCHAR,
      title VARCHAR`;
    - optionally `source_categories`, `target_categories`: `item VARCHAR,
      category VARCHAR`, perhaps `times BIGINT`, how many rows a row stands
      for. Of an item in several categories the most frequent
      is taken, of equally frequent ones the first in the alphabet; NULL and
      "" are none.

    Store every constructor argument in an attribute of its name: that is how
    `options` finds what the prepared data depend on.

    Attributes:
      history: The most recent source events that the data set's protocol
        keeps of a user; None or 0 if it keeps all.
      has_target: Whether there is a target domain. Without one the data serve
        pre-training alone, and `target` is empty.
      merges_copies: Whether source rows that are the same in user, item, time
        and rating are one event. Repeated events that differ in any of these
        stay in a history either way.
      protocol: One sentence on what is source and what is target.
      required: Arguments without which there is nothing to read, though they
        have a default; for `--mode=list`.
      version: Raise it when `load` makes something else of the same input and
        options, so that what was prepared before is not used again.
    """

    history: int | None = None
    has_target: bool = True
    merges_copies: bool = False
    protocol: str = ""
    required: tuple[str, ...] = ()
    version: int = 1

    @property
    def name(self) -> str:
        """What the prepared folder is called after."""
        return type(self).__name__.lower()

    def files(self) -> list[Path]:
        """The input files, in a fixed order; their content is hashed."""
        return []

    def addresses(self) -> list[str]:
        """Inputs that are no files of this machine, as `s3a://bucket/logs`."""
        return []

    def options(self) -> dict[str, object]:
        """The constructor's arguments, without paths (files are hashed).

        Raises:
          TypeError: One is not stored in an attribute of its name.
        """
        names = _arguments(type(self))
        lost = [name for name in names if not hasattr(self, name)]
        if lost:
            raise TypeError(
                f"{type(self).__name__} should store its argument {lost[0]!r} "
                f"in the attribute {lost[0]!r}: what it is prepared from "
                "depends on it"
            )
        values = {name: getattr(self, name) for name in names}
        return {
            name: value
            for name, value in values.items()
            if not isinstance(value, Path)
        }

    def load(
        self, connection: duckdb.DuckDBPyConnection, rejects: Rejects
    ) -> None:
        """Makes the tables; malformed rows go to `rejects`."""
        raise NotImplementedError

    def event_tables(self) -> tuple[EventTable, EventTable] | None:
        """The tables of source and target, if `load` does no more than read
        these and what `load_beside` does: an engine may then do it itself."""
        return None

    def load_beside(
        self, connection: duckdb.DuckDBPyConnection, rejects: Rejects
    ) -> None:
        """Makes the tables of items and users alone; for `event_tables`.

        `source` and `target` are there, with the column `item`.
        """

    def counts(self, connection: duckdb.DuckDBPyConnection) -> dict[str, int]:
        """What to report of the input beside what is in the tables.

        Called after `load`; for the counts of the manifest, such as
        `filtered_source`: rows that the source's options left out. With
        `source_rows`, the rows that went in, and `target_rows` the balance of
        rows is checked and told: they are the events, and what
        `<domain>_bad`, `<domain>_other` and `filtered_<domain>` count.
        """
        return {}

    def ceilings(self) -> dict[str, float]:
        """What could be reached at best, by what is measured and known.

        Of generated data, whose truth is known; by default there is none.
        """
        return {}

    def check_path(
        self, path: str | Path, option: str = "path", folder: bool = False
    ) -> Path:
        """An existing file (or folder, where `folder` allows it).

        Raises:
          InputError: Nothing is there, or a folder where a file is needed.
        """
        flag = f"--dataset={self.name}({option}=...)"
        if option == "path":
            flag += " or --data_path"
        wanted = "file or folder" if folder else "file"
        if not path:
            raise InputError(f"{flag}: names no {wanted} to read")
        path = Path(path).expanduser()
        if not path.exists():
            raise InputError(f"{flag}: no such {wanted}: {path}")
        if path.is_dir() and not folder:
            raise InputError(f"{flag}: a file is expected, {path} is a folder")
        return path


def _arguments(source: type[Source]) -> list[str]:
    """Names of a constructor's arguments, and of those of the bases to which
    it hands on `**options`."""
    names: list[str] = []
    for base in source.__mro__:
        if "__init__" not in vars(base):
            continue
        _, *parameters = inspect.signature(
            vars(base)["__init__"]
        ).parameters.values()
        names += [p.name for p in parameters if p.kind in _NAMED]
        if not any(p.kind is p.VAR_KEYWORD for p in parameters):
            break
    return list(dict.fromkeys(names))


def count_both(
    connection: duckdb.DuckDBPyConnection, rows: int, bad: int
) -> dict[str, int]:
    """For `Source.counts`, where both domains are views of one table.

    Args:
      rows: So many went in.
      bad: Of these so many were malformed.
    """
    counts = {}
    for domain in ("source", "target"):
        found = connection.execute(f"SELECT count(*) FROM {domain}").fetchone()
        inside = found[0] if found else 0
        counts[f"{domain}_rows"] = rows
        counts[f"{domain}_bad"] = bad
        counts[f"{domain}_other"] = rows - bad - inside
    return counts


def insert_arrays(
    connection: duckdb.DuckDBPyConnection,
    table: str,
    columns: Mapping[str, np.ndarray],
) -> None:
    """Creates a table from NumPy arrays of one length, in their order.

    Texts are object arrays of str.
    """
    arrays = dict(columns)
    with _pandas_not_sought():
        connection.register("inserted_arrays", arrays)
        try:
            connection.execute(
                f"CREATE TABLE {table} AS SELECT * FROM inserted_arrays"
            )
        finally:
            connection.unregister("inserted_arrays")


@contextlib.contextmanager
def _pandas_not_sought() -> Iterator[None]:
    """DuckDB 1.5, the last for Python 3.10, tries to import pandas for
    thousands of values; where it is missing, each time along the whole path."""
    missing = "pandas" not in sys.modules and not find_spec("pandas")
    if missing:
        sys.modules["pandas"] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        if missing:
            del sys.modules["pandas"]
