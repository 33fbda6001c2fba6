"""Tables of items, whole or in shards.

On one machine a table is a variable. Where parameter servers hold it, it is a
`ShardedVariable`: consecutive rows on each of them. TensorFlow takes one for a
tensor by fetching all of it; what is here asks each server for what is needed.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, TypeAlias

import tensorflow as tf

Sharded = tf.__internal__.distribute.ShardedVariable
Table: TypeAlias = Any  # a tensor, a variable, or `Sharded`


def shards(table: Table) -> list:
    """The variables that a table is made of, or the one that it is."""
    return table.variables if isinstance(table, Sharded) else [table]


def rows(table: Table, items: tf.Tensor) -> tf.Tensor:
    """Rows of a table; the others stay where they are.

    Args:
      table: `[items, ...]`.
      items: ids of any shape.

    Returns:
      The shape of `items`, and behind it that of a row.
    """
    if isinstance(table, Sharded):
        return tf.nn.embedding_lookup(table, items)
    return tf.gather(table, items)


def products(vectors: tf.Tensor, table: Table) -> tf.Tensor:
    """Inner products with all rows, each computed where its row is.

    Args:
      vectors: `[..., d]`.
      table: `[items, d]`.

    Returns:
      `[..., items]`.
    """
    if not isinstance(table, Sharded):
        return tf.matmul(vectors, table, transpose_b=True)
    found = []
    for shard in table.variables:
        with tf.device(shard.device):
            found.append(tf.matmul(vectors, shard, transpose_b=True))
    return tf.concat(found, axis=-1)


def copy(source: Table, target: Table) -> None:
    """Assigns a table's first rows to another one, as many as that has.

    Of two tables in the same shards, no row leaves its server.
    """
    if isinstance(target, Sharded) and source.shape == target.shape:
        for one, other in zip(shards(source), shards(target), strict=True):
            other.assign(one)
    else:
        target.assign(source[: target.shape[0]])


def copies(variables: Sequence[tf.Variable]) -> list:
    """New variables with the values that others have, in their order.

    Copies of a table's shards lie where these do, and are one table, which a
    checkpoint then holds whatever its shards are.

    Args:
      variables: tables in shards are given shard by shard, all in a row.

    Returns:
      One for each variable or table.
    """
    return [
        Sharded([_beside(shard) for shard in shards(table)])
        if isinstance(table, Sharded)
        else tf.Variable(table, trainable=False)
        for table in wholes(variables)
    ]


def _beside(shard: tf.Variable) -> tf.Variable:
    extended = tf.distribute.get_strategy().extended
    with extended.colocate_vars_with(shard):
        return tf.Variable(shard, trainable=False)


def wholes(variables: Iterable[tf.Variable]) -> list:
    """The inverse of `flat`: the shards of a table are given all in a row."""
    found: list = []
    for variable in variables:
        table = _table_of(variable)
        if table is None:
            found.append(variable)
        elif not found or found[-1] is not table:
            found.append(table)
    return found


def flat(tables: Iterable[Table]) -> list[tf.Variable]:
    """Variables, with tables shard by shard."""
    return [shard for table in tables for shard in shards(table)]


def _table_of(variable: tf.Variable) -> Any:
    """What a shard belongs to; Keras's optimizers ask for it likewise."""
    container = getattr(variable, "_sharded_container", None)
    return None if container is None else container()
