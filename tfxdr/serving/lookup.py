"""Raw ids to rows of a model's tables, inside a graph."""

from __future__ import annotations

from collections.abc import Sequence

import tensorflow as tf

from tfxdr.types import FIRST_ITEM, PADDING, UNKNOWN


class RawIds(tf.Module):
    """A vocabulary as a lookup table, which an export carries with it.

    Whoever saves a graph that uses it has to track it.

    Args:
      ids: raw ids; position `i` is row `i + 2`.
    """

    def __init__(self, ids: Sequence[str]) -> None:
        super().__init__()
        # A variable is written as it is. Constants would stand in the graph,
        # which TensorFlow copies several times, and which ends at 2 GB.
        self._ids = tf.Variable(
            tf.constant(list(ids), tf.string, [len(ids)]),
            trainable=False,
            name="ids",
        )
        self._table = tf.lookup.StaticHashTable(_Rows(self._ids), UNKNOWN)

    def rows(self, raw: tf.Tensor) -> tf.Tensor:
        """Maps string ids of any shape to int32 rows; `""` is padding."""
        known = tf.cast(self._table.lookup(raw), tf.int32)
        return tf.where(raw == "", PADDING, known)


class _Rows(tf.lookup.KeyValueTensorInitializer):
    """The rows of ids in a variable, read when a table is filled.

    Args:
      ids: `[n]` string.
    """

    def __init__(self, ids: tf.Variable) -> None:
        super().__init__([], [], tf.string, tf.int64)
        self._ids = ids

    def initialize(self, table: tf.lookup.StaticHashTable) -> tf.Operation:
        ids = self._ids.read_value()
        rows = tf.range(tf.size(ids, tf.int64)) + FIRST_ITEM
        return tf.raw_ops.LookupTableImportV2(
            table_handle=table.resource_handle, keys=ids, values=rows
        )


def as_history(rows: tf.Tensor, longest: int) -> tf.Tensor:
    """What a sequential backbone reads, from rows as a client sends them.

    Args:
      rows: `[batch, length]` int32, oldest first, with padding anywhere.
      longest: the latest items that are kept.

    Returns:
      `[batch, positions]` int32, padded on the left to the longest history of
      the batch, one position at least.
    """
    real = rows != PADDING
    # A stable sort moves padding to the left and keeps the order of items.
    order = tf.argsort(tf.cast(real, tf.int32), axis=1, stable=True)
    rows = tf.gather(rows, order, batch_dims=1)
    length = tf.reduce_max(tf.math.count_nonzero(real, axis=1, dtype=tf.int32))
    length = tf.clip_by_value(length, 1, longest)
    missing = tf.maximum(length - tf.shape(rows)[1], 0)
    return tf.pad(rows, [[0, 0], [missing, 0]])[:, -length:]
