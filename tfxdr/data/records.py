"""Users to TFRecord shards and back: one `tf.train.Example` per user.

Features: `user` bytes; `history` int64; `target` and `split` int64; where
known `history_time` and `target_time` int64, `history_rating` and
`target_rating` float; `attribute/<name>` bytes.
"""

from __future__ import annotations

import dataclasses
import errno
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from tfxdr.data.users import Users
from tfxdr.errors import InputError
from tfxdr.ops import mapped
from tfxdr.ops.ragged import Ragged

_PARSE_BATCH = 2048
# Features that grow with the interactions, not with the users alone.
_LONG = frozenset(
    ("history", "target", "split", "history_time", "history_rating")
    + ("target_time", "target_rating")
)


@dataclasses.dataclass(frozen=True)
class Columns:
    """Which of the optional features the records have."""

    history_time: bool = False
    history_rating: bool = False
    target_time: bool = False
    target_rating: bool = False
    attributes: tuple[str, ...] = ()


def write_shard(path: Path, users: Users) -> None:
    """Writes all users into one TFRecord file.

    Raises:
      OSError: It cannot be written; ENOSPC when the disk is full.
    """
    import tensorflow as tf

    try:
        with tf.io.TFRecordWriter(str(path)) as writer:
            for example in _examples(users):
                writer.write(example)
    except tf.errors.OpError as error:
        full = "No space left" in error.message
        code = errno.ENOSPC if full else errno.EIO
        raise OSError(code, error.message, str(path)) from error


def _examples(users: Users) -> Iterator[bytes]:
    import tensorflow as tf

    parts = _parts(users)
    for row in range(len(users)):
        example = tf.train.Example()
        feature = example.features.feature
        for name, kind, values, offsets in parts:
            # An empty list is set too: the feature is then known.
            chosen = values[offsets[row] : offsets[row + 1]]
            getattr(feature[name], kind).value.extend(chosen)
        # The order of a map's entries is otherwise free to change.
        yield example.SerializeToString(deterministic=True)


def _parts(users: Users) -> list[tuple[str, str, list, list[int]]]:
    """(feature, kind of list, flat values, row offsets), in Python's types:
    slicing lists is much faster than slicing arrays row by row."""
    each = np.arange(len(users) + 1)
    history, target = users.history.offsets, users.target.offsets
    parts: list[tuple[str, str, np.ndarray | None, np.ndarray]] = [
        ("user", "bytes_list", users.ids, each),
        ("history", "int64_list", users.history.values, history),
        ("target", "int64_list", users.target.values, target),
        ("split", "int64_list", users.split, target),
        ("history_time", "int64_list", users.history_time, history),
        ("history_rating", "float_list", users.history_rating, history),
        ("target_time", "int64_list", users.target_time, target),
        ("target_rating", "float_list", users.target_rating, target),
    ]
    for name, values in users.attributes.items():
        encoded = np.array([value.encode() for value in values], object)
        parts.append((f"attribute/{name}", "bytes_list", encoded, each))
    return [
        (name, kind, values.tolist(), offsets.tolist())
        for name, kind, values, offsets in parts
        if values is not None
    ]


def read_shards(
    paths: Sequence[Path], columns: Columns, folder: Path | None = None
) -> Users:
    """Reads shards written by `write_shard`, in order.

    Args:
      paths: Of the shards.
      columns: What their records have.
      folder: Where to map what grows with the interactions; none to hold it.

    Raises:
      InputError: A shard is missing or damaged, which it names, or there is no
        room to map them.
    """
    place = None if folder is None else str(folder)
    parts = {
        name: mapped.Column(dtype, place if name in _LONG else None)
        for name, dtype in _dtypes(columns).items()
    }
    lengths = {name: mapped.Column(np.int64) for name in ("history", "target")}
    for path in paths:
        for batch in _read_shard(path, columns):
            for name, ragged in batch.items():
                parts[name].append(ragged.values.numpy())
            for name, column in lengths.items():
                column.append(batch[name].row_lengths().numpy())
    joined = {name: column.joined() for name, column in parts.items()}
    rows = {name: column.joined() for name, column in lengths.items()}
    return Users(
        ids=joined["user"],
        history=Ragged.from_lengths(joined["history"], rows["history"]),
        target=Ragged.from_lengths(joined["target"], rows["target"]),
        split=joined["split"],
        attributes={
            name: np.array(
                [value.decode() for value in joined[f"attribute/{name}"]]
            )
            for name in columns.attributes
        },
        history_time=joined.get("history_time"),
        history_rating=joined.get("history_rating"),
        target_time=joined.get("target_time"),
        target_rating=joined.get("target_rating"),
    )


def _read_shard(path: Path, columns: Columns) -> Iterator[dict[str, Any]]:
    """Some users at a time: feature name to a ragged tensor."""
    import tensorflow as tf

    specification = _specification(columns)
    dataset = (
        tf.data.TFRecordDataset([str(path)])
        .batch(_PARSE_BATCH)
        .map(
            lambda serialized: tf.io.parse_example(serialized, specification),
            num_parallel_calls=tf.data.AUTOTUNE,
            deterministic=True,
        )
        .prefetch(2)
    )
    try:
        yield from dataset
    except tf.errors.OpError as error:
        raise InputError(
            f"{path}: not readable as TFRecord ({error.message}); "
            "delete its folder; it is prepared again by the next run"
        ) from error


def _dtypes(columns: Columns) -> dict[str, np.typing.DTypeLike]:
    """Of each feature in memory; records hold integers of 64 bits."""
    kept = {"history": np.int32, "target": np.int32, "split": np.int8}
    return {
        name: kept.get(name, kind.as_numpy_dtype)
        for name, kind in _kinds(columns).items()
    }


def _specification(columns: Columns) -> dict:
    import tensorflow as tf

    return {
        name: tf.io.RaggedFeature(kind, row_splits_dtype=tf.int64)
        for name, kind in _kinds(columns).items()
    }


def _kinds(columns: Columns) -> dict[str, Any]:
    """TensorFlow's type of each feature."""
    import tensorflow as tf

    kinds = {
        "user": tf.string,
        "history": tf.int64,
        "target": tf.int64,
        "split": tf.int64,
    }
    if columns.history_time:
        kinds["history_time"] = tf.int64
    if columns.history_rating:
        kinds["history_rating"] = tf.float32
    if columns.target_time:
        kinds["target_time"] = tf.int64
    if columns.target_rating:
        kinds["target_rating"] = tf.float32
    for name in columns.attributes:
        kinds[f"attribute/{name}"] = tf.string
    return kinds
