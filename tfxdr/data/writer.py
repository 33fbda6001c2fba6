"""Fills a folder with records and vocabularies, stage by stage."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import duckdb
import numpy as np

import tfxdr
from tfxdr.data import database, published_split, splits, time_split
from tfxdr.data.prepared import FORMAT, SCHEMA_VERSION, file_entry
from tfxdr.data.records import Columns, write_shard
from tfxdr.data.summary import balance, describe_lengths
from tfxdr.data.users import Users
from tfxdr.data.vocabulary import order_items, write_lines
from tfxdr.datasets.base import Source
from tfxdr.datasets.readers.rejects import Rejects
from tfxdr.ops.ragged import Ragged
from tfxdr.types import FIRST_ITEM

_MIN_SHARDS = 4
_SHARD_USERS = 16_384


@dataclasses.dataclass(frozen=True)
class PreparationOptions:
    """What prepared data depend on, beside the source."""

    split: str
    split_fractions: tuple[float, float, float]
    seed: int
    max_history: int
    max_bad_rows: int


def build(
    dataset: Source,
    options: PreparationOptions,
    folder: Path,
    memory_limit: str,
    say: Callable[[str], None],
) -> dict:
    """Writes shards, vocabularies and what is known of items.

    Returns the manifest.

    The manifest lacks what only the caller knows: key and inputs.
    """
    with _database(folder / "work", memory_limit) as connection:
        rejects = Rejects(options.max_bad_rows)
        say("reading the input")
        dataset.load(connection, rejects)
        for note in rejects.notes:
            say(note)
        database.check_domains(connection, dataset)
        say("ordering events by user and time")
        coded = _code(connection, dataset, options)
        say(f"writing the records of {coded.num_users:,} users")
        writer = _Writer(connection, coded, options, folder)
        manifest = writer.write()
        manifest["counts"] |= dataset.counts(connection)
    manifest["counts"]["bad_rows"] = len(rejects)
    balance(manifest["counts"])  # No row vanishes.
    return {
        "format": FORMAT,
        "schema_version": SCHEMA_VERSION,
        "library_version": tfxdr.__version__,
        "dataset": dataset.name,
        "dataset_options": dataset.options(),
        "protocol": dataset.protocol,
        "options": dataclasses.asdict(options),
        "bad_rows": rejects.examples(),
        "notes": rejects.notes,
        **manifest,
    }


@contextlib.contextmanager
def _database(
    work: Path, memory_limit: str
) -> Iterator[duckdb.DuckDBPyConnection]:
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
    boundaries: tuple[int, int] | None
    dropped: dict[str, int]
    has_validation: bool = True


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
    limits = [options.max_history, dataset.history or options.max_history]
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
        min(limits),
        boundaries,
        dropped,
        has_validation,
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
        options: PreparationOptions,
        folder: Path,
    ):
        self.connection = connection
        self.coded = coded
        self.options = options
        self.folder = folder
        self.counts: dict = {"users": coded.num_users, **coded.dropped}
        self.item_hashes = splits.hash_ids(
            item.encode() for item in coded.target.items
        )
        self.history_hash = hashlib.sha256()

    def write(self) -> dict:
        source, target = self._count()
        files = self._write_vocabulary("source", source)
        self.history_hash.update(files[0]["sha256"].encode())
        files += self._write_vocabulary("target", target)
        shards = self._write_shards(source, target)
        files = shards + files
        listed = json.dumps(files, sort_keys=True)
        return {
            "fingerprint": hashlib.sha256(listed.encode()).hexdigest(),
            "source_fingerprint": self.history_hash.hexdigest(),
            "counts": self.counts,
            "time_boundaries": self.coded.boundaries,
            "columns": dataclasses.asdict(self._columns()),
            "shards": [entry["file"] for entry in shards],
            "files": files,
        }

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
        histories, targets = _Histogram(), _Histogram()
        shared = truncated = 0
        for first, stop in database.user_ranges(coded.num_users, _SHARD_USERS):
            history, target, left_out = self._events(first, stop)
            source_counts += np.bincount(
                history.items.values, minlength=len(source_counts)
            )
            target_counts += np.bincount(
                target.items.values, minlength=len(target_counts)
            )
            lengths = history.items.lengths, target.items.lengths
            histories.add(lengths[0])
            targets.add(lengths[1])
            shared += int(np.count_nonzero(lengths[0] * lengths[1]))
            truncated += left_out
        self.counts |= {
            "shared_users": shared,
            "users_with_history": histories.positive,
            "users_without_history": coded.num_users - histories.positive,
            "users_without_targets": coded.num_users - targets.positive,
            "source_items": int(np.count_nonzero(source_counts)),
            "target_items": int(np.count_nonzero(target_counts)),
            "source_events": int(source_counts.sum()),
            "target_instances": int(target_counts.sum()),
            "rated_source_events": int(source_counts.sum())
            * coded.source.has_rating,
            "rated_target_instances": int(target_counts.sum())
            * coded.target.has_rating,
            "ambiguous_categories": 0,
            "truncated_events": truncated,
            "history_length": describe_lengths(histories.counts),
            "targets_per_user": describe_lengths(targets.counts),
            "train": 0,
            "validation": 0,
            "test": 0,
        }
        return (
            _Vocabulary.of(coded.source, source_counts),
            _Vocabulary.of(coded.target, target_counts),
        )

    def _write_vocabulary(
        self, domain: str, vocabulary: _Vocabulary
    ) -> list[dict]:
        path = self.folder / f"{domain}_items.txt"
        write_lines(path, vocabulary.items)
        entries = [file_entry(path)]
        titles = database.read_titles(self.connection, domain, vocabulary.items)
        if titles is not None:
            path = self.folder / f"{domain}_titles.txt"
            write_lines(path, titles)
            entries.append(file_entry(path))
        found = database.read_categories(
            self.connection, domain, vocabulary.items
        )
        if found is not None:
            categories, ambiguous = found
            path = self.folder / f"{domain}_categories.txt"
            write_lines(path, categories)
            entries.append(file_entry(path))
            self.counts["ambiguous_categories"] += ambiguous
            self.counts[f"{domain}_categories"] = len({*categories} - {""})
            self.counts[f"{domain}_uncategorized"] = categories.count("")
        return entries

    def _write_shards(
        self, source: _Vocabulary, target: _Vocabulary
    ) -> list[dict]:
        size = min(_SHARD_USERS, -(-self.coded.num_users // _MIN_SHARDS))
        ranges = list(database.user_ranges(self.coded.num_users, size))
        entries = []
        for index, (first, stop) in enumerate(ranges):
            name = f"users-{index:05d}-of-{len(ranges):05d}.tfrecord"
            users = self._users(first, stop, source, target)
            self._count_users(users)
            write_shard(self.folder / name, users)
            entries.append(file_entry(self.folder / name))
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
            split=self._split(ids, targets),
            attributes=database.read_attributes(
                self.connection, self.coded.attributes, first, stop
            ),
            history_time=history.time,
            history_rating=_float32(history.rating),
            target_time=targets.time,
            target_rating=_float32(targets.rating),
        )

    def _split(
        self, ids: np.ndarray, targets: database.CodedEvents
    ) -> np.ndarray:
        if self.options.split == splits.LEAVE_ONE_OUT:
            return splits.split_leave_one_out(targets.items.offsets)
        if self.options.split == splits.COLUMN:
            return published_split.read(
                targets,
                ids,
                self.item_hashes,
                self.options.seed,
                self.options.split_fractions,
                has_validation=self.coded.has_validation,
            )
        if self.coded.boundaries is not None:
            assert targets.time is not None  # check_times saw to it.
            return splits.split_time(targets.time, *self.coded.boundaries)
        users = splits.hash_ids(ids)[targets.items.row_of_value]
        items = self.item_hashes[targets.items.values]
        return splits.split_random(
            users, items, self.options.seed, self.options.split_fractions
        )

    def _count_users(self, users: Users) -> None:
        sizes = np.bincount(users.split, minlength=3)
        for name, size in zip(
            ("train", "validation", "test"), sizes, strict=True
        ):
            self.counts[name] += int(size)
        self.history_hash.update(users.history.lengths.astype("<i8").tobytes())
        self.history_hash.update(users.history.values.astype("<i4").tobytes())


class _Histogram:
    """How many users have each length."""

    def __init__(self) -> None:
        self.counts: np.ndarray = np.zeros(1, np.int64)

    def add(self, lengths: np.ndarray) -> None:
        added = np.bincount(lengths, minlength=len(self.counts))
        added[: len(self.counts)] += self.counts
        self.counts = added

    @property
    def positive(self) -> int:
        return int(self.counts[1:].sum())


def _float32(values: np.ndarray | None) -> np.ndarray | None:
    return None if values is None else values.astype(np.float32)
