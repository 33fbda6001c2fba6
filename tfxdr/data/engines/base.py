"""What an engine is: it reads, orders and divides events, and writes users.

All engines make the same bytes of the same source; which one did it is no part
of what prepared data are.
"""

from __future__ import annotations

import abc
import contextlib
import dataclasses
from collections.abc import Callable
from pathlib import Path

from tfxdr.data.records import Columns
from tfxdr.data.split_plan import SplitPlan
from tfxdr.datasets.base import Source
from tfxdr.datasets.readers.integrity import InputFile
from tfxdr.datasets.readers.rejects import Rejects


@dataclasses.dataclass(frozen=True)
class PreparationOptions:
    """What prepared data depend on, beside the source."""

    split: str
    split_fractions: tuple[float, float, float]
    seed: int
    max_history: int
    max_bad_rows: int

    def plan(
        self, boundaries: tuple[int, int] | None, has_validation: bool
    ) -> SplitPlan:
        """How targets are divided, by what was found in them."""
        return SplitPlan(
            self.split,
            self.split_fractions,
            self.seed,
            boundaries,
            has_validation,
        )

    def longest(self, source: Source) -> int:
        """The most recent source events that are kept of a user."""
        return min(self.max_history, source.history or self.max_history)


@dataclasses.dataclass(frozen=True)
class Contents:
    """What an engine wrote.

    Attributes:
      counts: What was counted, as the manifest has it.
      columns: Which optional features the records have.
      boundaries: Of a split by time.
      shards: `prepared.file_entry` of each shard, in order.
      vocabularies: Those of the files of items.
      source_fingerprint: Hash of the histories and their vocabulary.
    """

    counts: dict
    columns: Columns
    boundaries: tuple[int, int] | None
    shards: list[dict]
    vocabularies: list[dict]
    source_fingerprint: str


class Engine(abc.ABC):
    """Where the work is done: `duckdb` or `spark`."""

    @abc.abstractmethod
    def inputs(self, source: Source) -> list[InputFile]:
        """The source's files, as the manifest and the cache know them.

        Raises:
          InputError: One is not readable, or not by this engine.
        """

    @abc.abstractmethod
    def build(
        self,
        source: Source,
        options: PreparationOptions,
        folder: Path,
        rejects: Rejects,
        say: Callable[[str], None],
    ) -> Contents:
        """Writes shards, vocabularies and what is known of items.

        Users are ordered by raw id; a user's events by (time, input row), so
        that of two events at the same time the one that stands first in the
        input comes first. Item ids are by (frequency descending, raw id).

        Args:
          source: What is read.
          options: What is made of it.
          folder: Empty but for its lock; what is not to stay is removed.
          rejects: Takes malformed rows, and notes.
          say: Called with a line of text at each stage.
        """

    @abc.abstractmethod
    def errors(self, folder: Path) -> contextlib.AbstractContextManager[None]:
        """Has the engine's own failures read as the user should read them."""
