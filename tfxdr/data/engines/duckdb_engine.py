"""Preparation by DuckDB: one process of one machine, out of core."""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import hashlib
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import duckdb
import numpy as np

from tfxdr.data import database, published_split, splits, time_split
from tfxdr.data.engines.base import Contents, Engine, PreparationOptions
from tfxdr.data.item_files import with_categories, write_item_files
from tfxdr.data.prepared import file_entry
from tfxdr.data.records import Columns, write_shard
from tfxdr.data.split_plan import SplitPlan
from tfxdr.data.tally import Tally, part_sizes
from tfxdr.data.users import Users
from tfxdr.data.vocabulary import order_items
from tfxdr.data.writer import shard_name, shard_size
from tfxdr.datasets.base import Source
from tfxdr.datasets.readers.integrity import InputFile, check_file
from tfxdr.datasets.readers.rejects import Rejects
from tfxdr.errors import InputError
from tfxdr.ops.ragged import Ragged
from tfxdr.types import FIRST_ITEM

_INTERRUPTED = "Query interrupted"


class DuckDBEngine(Engine):
    """DuckDB; what does not fit into `memory_limit` is spilled to disk."""

    def __init__(self, memory_limit: str):
        self._memory_limit = memory_limit

    def inputs(self, source: Source) -> list[InputFile]:
        for address in source.addresses():
            raise InputError(
                f"--dataset={source.name}: --engine=duckdb reads files of "
                f"this machine, found {address}; choose --engine=spark, or "
                "copy it to a folder here"
            )
        return [check_file(path) for path in source.files()]

    def build(
        self,
        source: Source,
        options: PreparationOptions,
        folder: Path,
        rejects: Rejects,
        say: Callable[[str], None],
    ) -> Contents:
        with work_database(folder / "work", self._memory_limit) as connection:
            say("reading the input")
            source.load(connection, rejects)
            for note in rejects.notes:
                say(note)
            database.check_domains(connection, source)
            say("ordering events by user and time")
            coded = _code(connection, source, options)
            say(f"writing the records of {coded.num_users:,} users")
            writer = _Writer(connection, coded, folder)
            contents = writer.write()
            contents.counts.update(source.counts(connection))
        return contents

    @contextlib.contextmanager
    def errors(self, folder: Path) -> Iterator[None]:
        with database_errors(folder):
            yield


@contextlib.contextmanager
def database_errors(folder: Path) -> Iterator[None]:
    """DuckDB's failures, as the user should read them."""
    try:
        yield
    except (duckdb.InterruptException, RuntimeError) as error:
        # Ctrl-C in a query comes as a bare RuntimeError from DuckDB's Python.
        if isinstance(error, RuntimeError) and str(error) != _INTERRUPTED:
            raise
        raise KeyboardInterrupt from error
    except (duckdb.IOException, duckdb.OutOfMemoryException) as error:
        if "No space left" in str(error):
            raise OSError(errno.ENOSPC, str(error)) from error
        raise InputError(f"{folder} cannot be prepared: {error}") from error


@contextlib.contextmanager
def work_database(
    work: Path, memory_limit: str
) -> Iterator[duckdb.DuckDBPyConnection]:
    """A database in a folder that is there as long as the block runs."""
    work.mkdir()
    connection = database.connect(work, memory_limit, os.cpu_count() or 1)
    try:
        yield connection
    finally:
        connection.close()
        shutil.rmtree(work, ignore_errors=True)


@dataclasses.dataclass(frozen=True)
class _Coded:
    """Both domains' ordered events, and what was decided on the way."""

    num_users: int
    source: database.Domain
    target: database.Domain
    attributes: tuple[str, ...]
    max_history: int
    plan: SplitPlan
    dropped: dict[str, int]


def _code(
    connection: duckdb.DuckDBPyConnection,
    dataset: Source,
    options: PreparationOptions,
) -> _Coded:
    num_users = database.code_users(connection)
    attributes = database.join_attributes(connection)
    target = database.code_events(connection, "target", distinct=database.PAIRS)
    boundaries = None
    if options.split == splits.TIME:
        time_split.check_times(connection, dataset)
        boundaries = time_split.time_boundaries(
            connection, target, options.split_fractions
        )
    has_validation = True
    if options.split == splits.COLUMN:
        has_validation = published_split.has_validation(
            connection, dataset, target
        )
    before = boundaries and boundaries[0]
    source = database.code_events(
        connection,
        "source",
        distinct=database.ROWS if dataset.merges_copies else "",
        before=before,
    )
    left_out = {
        domain: database.count_rows(connection, domain)
        - database.count_rows(connection, coded.name)
        for domain, coded in (("source", source), ("target", target))
    }
    late = time_split.count_late(connection, before)
    dropped = {
        "duplicate_targets": left_out["target"],
        "late_events": late,
        "repeated_source": left_out["source"] - late,
    }
    return _Coded(
        num_users,
        source,
        target,
        attributes,
        options.longest(dataset),
        options.plan(boundaries, has_validation),
        dropped,
    )


@dataclasses.dataclass(frozen=True)
class _Vocabulary:
    """`ids[code]` is the item id of an item code, `items[id - 2]` its text."""

    ids: np.ndarray
    items: list[str]

    @classmethod
    def of(cls, domain: database.Domain, counts: np.ndarray) -> _Vocabulary:
        order = order_items(domain.items, counts)
        ids = np.zeros(len(domain.items), np.int32)
        ids[order] = np.arange(len(order), dtype=np.int32) + FIRST_ITEM
        return cls(ids, [domain.items[code] for code in order])


class _Writer:
    """Reads coded events twice: to count items, then to write users."""

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        coded: _Coded,
        folder: Path,
    ):
        self.connection = connection
        self.coded = coded
        self.folder = folder
        self.counts: dict = {"users": coded.num_users, **coded.dropped}
        self.item_hashes = splits.hash_ids(
            item.encode() for item in coded.target.items
        )
        self.history_hash = hashlib.sha256()

    def write(self) -> Contents:
        source, target = self._count()
        files = self._write_vocabulary("source", source)
        self.history_hash.update(files[0]["sha256"].encode())
        files += self._write_vocabulary("target", target)
        shards = self._write_shards(source, target)
        return Contents(
            counts=self.counts,
            columns=self._columns(),
            boundaries=self.coded.plan.boundaries,
            shards=shards,
            vocabularies=files,
            source_fingerprint=self.history_hash.hexdigest(),
        )

    def _columns(self) -> Columns:
        return Columns(
            history_time=self.coded.source.has_time,
            history_rating=self.coded.source.has_rating,
            target_time=self.coded.target.has_time,
            target_rating=self.coded.target.has_rating,
            attributes=self.coded.attributes,
        )

    def _events(
        self, first: int, stop: int
    ) -> tuple[database.CodedEvents, database.CodedEvents, int]:
        """History, targets, and the number of source events left out."""
        coded = self.coded
        history = database.read_events(
            self.connection, coded.source, first, stop
        )
        kept = history.last(coded.max_history)
        left_out = len(history.items.values) - len(kept.items.values)
        target = database.read_events(
            self.connection, coded.target, first, stop
        )
        return kept, target, left_out

    def _count(self) -> tuple[_Vocabulary, _Vocabulary]:
        """Item frequencies and everything that the report shows."""
        coded = self.coded
        source_counts = np.zeros(len(coded.source.items), np.int64)
        target_counts = np.zeros(len(coded.target.items), np.int64)
        tally, truncated = Tally(), 0
        for first, stop in database.user_ranges(coded.num_users):
            history, target, left_out = self._events(first, stop)
            source_counts += np.bincount(
                history.items.values, minlength=len(source_counts)
            )
            target_counts += np.bincount(
                target.items.values, minlength=len(target_counts)
            )
            tally.add(history.items.lengths, target.items.lengths)
            truncated += left_out
        self.counts |= tally.counts() | {
            "source_items": int(np.count_nonzero(source_counts)),
            "target_items": int(np.count_nonzero(target_counts)),
            "rated_source_events": int(source_counts.sum())
            * coded.source.has_rating,
            "rated_target_instances": int(target_counts.sum())
            * coded.target.has_rating,
            "ambiguous_categories": 0,
            "truncated_events": truncated,
            **dict.fromkeys(("train", "validation", "test"), 0),
        }
        return (
            _Vocabulary.of(coded.source, source_counts),
            _Vocabulary.of(coded.target, target_counts),
        )

    def _write_vocabulary(
        self, domain: str, vocabulary: _Vocabulary
    ) -> list[dict]:
        entries, found = write_item_files(
            self.connection, self.folder, domain, vocabulary.items
        )
        self.counts = with_categories(self.counts, found)
        return entries

    def _write_shards(
        self, source: _Vocabulary, target: _Vocabulary
    ) -> list[dict]:
        size = shard_size(self.coded.num_users)
        ranges = list(database.user_ranges(self.coded.num_users, size))
        entries = []
        for index, (first, stop) in enumerate(ranges):
            path = self.folder / shard_name(index, len(ranges))
            users = self._users(first, stop, source, target)
            self._count_users(users)
            write_shard(path, users)
            entries.append(file_entry(path))
        return entries

    def _users(
        self, first: int, stop: int, source: _Vocabulary, target: _Vocabulary
    ) -> Users:
        history, targets, _ = self._events(first, stop)
        ids = database.read_users(self.connection, first, stop)
        return Users(
            ids=ids,
            history=Ragged(
                source.ids[history.items.values], history.items.offsets
            ),
            target=Ragged(
                target.ids[targets.items.values], targets.items.offsets
            ),
            split=self.coded.plan.divide(
                ids,
                targets.items.offsets,
                self.item_hashes[targets.items.values],
                targets.time,
                targets.split,
            ),
            attributes=database.read_attributes(
                self.connection, self.coded.attributes, first, stop
            ),
            history_time=history.time,
            history_rating=_float32(history.rating),
            target_time=targets.time,
            target_rating=_float32(targets.rating),
        )

    def _count_users(self, users: Users) -> None:
        for name, size in part_sizes(users.split).items():
            self.counts[name] += size
        self.history_hash.update(users.history.lengths.astype("<i8").tobytes())
        self.history_hash.update(users.history.values.astype("<i4").tobytes())


def _float32(values: np.ndarray | None) -> np.ndarray | None:
    return None if values is None else values.astype(np.float32)
