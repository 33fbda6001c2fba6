"""Shards, written in Spark's tasks: each whole, whichever attempt it was."""

from __future__ import annotations

import dataclasses
import json
import os
import uuid
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tfxdr.data.prepared import file_entry
from tfxdr.data.records import Columns, write_shard
from tfxdr.data.split_plan import SplitPlan
from tfxdr.data.splits import hash_ids
from tfxdr.data.tally import Tally, part_sizes
from tfxdr.data.users import Users
from tfxdr.data.writer import shard_name
from tfxdr.ops.ragged import Ragged, offsets_of

if TYPE_CHECKING:
    import pyarrow

# What a row of a shard tells of: a user, an event of the history, a target.
USER, HISTORY, TARGET = 0, 1, 2
TOLD = "shard int, told string"


@dataclasses.dataclass(frozen=True)
class ShardWriter:
    """A function of batches that are sorted by shard, user and kind.

    Attributes:
      folder: Where shards go; tasks write into `work` below it, and rename.
      num_shards: How many there are.
      columns: Which optional features the records have.
      plan: How targets are divided.
    """

    folder: Path
    num_shards: int
    columns: Columns
    plan: SplitPlan

    def __call__(
        self, batches: Iterable[pyarrow.RecordBatch]
    ) -> Iterator[pyarrow.RecordBatch]:
        """Writes the shards of a partition; a row tells of each."""
        import pyarrow

        for shard, rows in _by_shard(batches):
            told = json.dumps(self._write(shard, rows))
            yield pyarrow.RecordBatch.from_pydict(
                {"shard": pyarrow.array([shard], "int32"), "told": [told]}
            )

    def _write(self, shard: int, rows: pyarrow.Table) -> dict:
        users = users_of(rows, self.columns, self.plan)
        name = shard_name(shard, self.num_shards)
        # Of another attempt's name: both may write at a time.
        aside = self.folder / "work" / f"{name}.{uuid.uuid4().hex}"
        write_shard(aside, users)
        entry = file_entry(aside) | {"file": name}
        os.replace(aside, self.folder / name)
        aside.write_bytes(_hashed(users))
        os.replace(aside, history_file(self.folder, name))
        tally = Tally()
        tally.add(users.history.lengths, users.target.lengths)
        return {
            "entry": entry,
            "tally": tally.to_json(),
            "parts": part_sizes(users.split),
        }


def history_file(folder: Path, name: str) -> Path:
    """What the fingerprint of the histories reads of a shard."""
    return folder / "work" / f"{name}.history"


def _hashed(users: Users) -> bytes:
    lengths = users.history.lengths.astype("<i8").tobytes()
    return lengths + users.history.values.astype("<i4").tobytes()


def _by_shard(
    batches: Iterable[pyarrow.RecordBatch],
) -> Iterator[tuple[int, pyarrow.Table]]:
    """The rows of one shard at a time; memory holds no other's."""
    import pyarrow

    current = -1
    parts: list[pyarrow.RecordBatch] = []
    for batch in batches:
        shards = batch.column("shard").to_numpy()
        edges = [0, *(np.flatnonzero(np.diff(shards)) + 1), len(shards)]
        for start, stop in zip(edges, edges[1:], strict=False):
            if start == stop:
                continue
            if shards[start] != current and parts:
                yield current, pyarrow.Table.from_batches(parts)
                parts = []
            current = int(shards[start])
            parts.append(batch.slice(start, stop - start))
    if parts:
        yield current, pyarrow.Table.from_batches(parts)


def users_of(rows: pyarrow.Table, columns: Columns, plan: SplitPlan) -> Users:
    """The users of sorted rows.

    Args:
      rows: Sorted by user and kind; a user's own row is the first.
      columns: Which optional features are known.
      plan: How targets are divided.
    """
    import pyarrow

    kind = rows["kind"].to_numpy()
    row = np.cumsum(kind == USER) - 1
    users, history, target = (
        rows.filter(pyarrow.array(kind == which))
        for which in (USER, HISTORY, TARGET)
    )
    ids = np.array(users["user"].cast("binary").to_pylist(), object)
    offsets = {
        which: offsets_of(np.bincount(row[kind == which], minlength=len(ids)))
        for which in (HISTORY, TARGET)
    }
    published = target["split"]
    time = _known(target["time"], columns.target_time)
    return Users(
        ids=ids,
        history=Ragged(history["item"].to_numpy(), offsets[HISTORY]),
        target=Ragged(target["item"].to_numpy(), offsets[TARGET]),
        split=plan.divide(
            ids,
            offsets[TARGET],
            target["hash"].to_numpy().view(np.uint64),
            time,
            None if published.null_count else published.to_numpy(),
        ),
        attributes={
            name: np.array(users[f"attribute {name}"].to_pylist(), object)
            for name in columns.attributes
        },
        history_time=_known(history["time"], columns.history_time),
        history_rating=_float32(history["rating"], columns.history_rating),
        target_time=time,
        target_rating=_float32(target["rating"], columns.target_rating),
    )


def _known(column: pyarrow.ChunkedArray, known: bool) -> np.ndarray | None:
    return column.to_numpy() if known else None


def _float32(column: pyarrow.ChunkedArray, known: bool) -> np.ndarray | None:
    return column.to_numpy().astype(np.float32) if known else None


def with_hashes(
    batches: Iterable[pyarrow.RecordBatch],
) -> Iterator[pyarrow.RecordBatch]:
    """Items and ids, and beside them the items' hashes that splits draw by."""
    import pyarrow

    for batch in batches:
        raw = batch.column("item").cast("binary").to_pylist()
        hashes = pyarrow.array(hash_ids(raw).view(np.int64))
        columns = [batch.column("item"), batch.column("id"), hashes]
        yield pyarrow.RecordBatch.from_arrays(columns, ["item", "id", "hash"])
