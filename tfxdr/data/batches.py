"""Training input: batches of users, in an order that can be replayed.

What a step sees is a pure function of (seed, epoch, step): a run that was
killed starts again at any step and sees the same batches.
"""

from __future__ import annotations

import copy
from typing import Any

import numpy as np
import tensorflow as tf

from tfxdr.data.replayed import batches, generator, step_seed
from tfxdr.errors import InputError
from tfxdr.ops import mapped
from tfxdr.ops.free_items import FreeItems
from tfxdr.ops.ragged import Ragged
from tfxdr.types import FIRST_ITEM, Batch, Draw


class PretrainBatches:
    """Histories in a new order each epoch.

    Args:
      history: rows of source items; every row has two items or more.
      batch_size: rows in a batch; the last one of an epoch may be smaller.
      seed: of the order and of each batch's draws.
    """

    def __init__(self, history: Ragged, *, batch_size: int, seed: int) -> None:
        self.batch_size = batch_size
        self.seed = seed
        self.steps = -(-len(history) // batch_size)  # in an epoch
        self._rows = len(history)
        self._history = _rows(history)

    def epoch(self, epoch: int, first_step: int = 0) -> tf.data.Dataset:
        """The batches of an epoch from a step on."""
        rows = generator(self.seed, epoch).permutation(self._rows)
        rows = tf.constant(rows, tf.int64)

        def assemble(step: tf.Tensor) -> Batch:
            start = step * self.batch_size
            chosen = rows[start : start + self.batch_size]
            number = epoch * self.steps + step
            return Batch(
                history=self._history.pad_left(chosen),
                positives=tf.zeros([tf.size(chosen), 0], tf.int32),
                negatives=tf.zeros([tf.size(chosen), 0, 0], tf.int32),
                candidates=tf.zeros([tf.size(chosen), 0], tf.int32),
                seed=step_seed(self.seed, number),
                step=tf.cast(number, tf.int32),
                epoch=tf.constant(epoch, tf.int32),
            )

        return batches(assemble, first_step, self.steps)


class FinetuneBatches:
    """Users with some of their target items and negatives for each.

    A user's training positives are shuffled each epoch and cut into rows of
    `targets_per_user`: every instance is seen once per epoch, and a row's
    history is encoded once for all of its items. With 1 a row is an instance.

    A negative is uniform over the real items that are none of the user's
    training positives (validation and test positives are not left out: that
    would tell the model which they are).

    Args:
      history: rows of source items, one per user.
      positives: rows of the same users' training positives, no repeats.
      num_items: size of the target table, reserved ids included.
      batch_size: rows in a batch.
      targets_per_user: items in a row, at most.
      num_negatives: negatives for each item.
      num_candidates: non-positives drawn for each row, for a policy that
        ranks; from the same distribution as negatives.
      seed: of the order and of the negatives.

    Raises:
      InputError: if nothing can be learned: no positives, or a user for whom
        every item is one.
    """

    def __init__(
        self,
        history: Ragged,
        positives: Ragged,
        *,
        num_items: int,
        batch_size: int,
        targets_per_user: int,
        num_negatives: int,
        num_candidates: int = 0,
        seed: int,
    ) -> None:
        if not len(positives.values):
            raise InputError(
                "the training split holds no target item; raise "
                "--train_fraction or the first of --split_fractions"
            )
        if positives.lengths.max() >= num_items - FIRST_ITEM:
            raise InputError(
                "a user has every target item as a training positive: there "
                "is no negative to sample; leave that user out of the data"
            )
        self.positives = positives
        self.num_items = num_items
        self.batch_size = batch_size
        self.targets_per_user = targets_per_user
        self.num_negatives = num_negatives
        self.num_candidates = num_candidates
        self.seed = seed
        rows = -(-positives.lengths // targets_per_user)
        self.steps = int(-(-rows.sum() // batch_size))  # in an epoch
        self._history = _rows(history)
        self._known = _rows(FreeItems(positives, num_items).below)

    def reading(self, history: Ragged) -> FinetuneBatches:
        """The same batches, with something else of a user for their history.

        Args:
          history: a row for each user.
        """
        other = copy.copy(self)
        other._history = _rows(history)
        return other

    def epoch(self, epoch: int, first_step: int = 0) -> tf.data.Dataset:
        """The batches of an epoch from a step on."""
        owners, positives_of = self._chunks(generator(self.seed, epoch))
        users = tf.constant(owners, tf.int64)
        chunks = _rows(positives_of)

        def assemble(step: tf.Tensor) -> Batch:
            start = step * self.batch_size
            end = tf.minimum(start + self.batch_size, len(users))
            chosen = users[start:end]
            positives = chunks.pad_right(tf.range(start, end), 0)
            number = epoch * self.steps + step
            seed = step_seed(self.seed, number)
            return Batch(
                history=self._history.pad_left(chosen),
                positives=positives,
                negatives=self._negatives(chosen, positives, seed),
                candidates=self._sample(
                    chosen,
                    tf.stack([tf.size(chosen), self.num_candidates]),
                    _own_seed(seed, Draw.CANDIDATES),
                ),
                seed=seed,
                step=tf.cast(number, tf.int32),
                epoch=tf.constant(epoch, tf.int32),
            )

        return batches(assemble, first_step, self.steps)

    def _chunks(self, rng: np.random.Generator) -> tuple[np.ndarray, Ragged]:
        """The epoch's rows, shuffled: user of each, and its positives."""
        lengths = self.positives.lengths
        values = self._shuffled(rng)
        chunks = -(-lengths // self.targets_per_user)
        users = np.repeat(np.arange(len(lengths)), chunks)
        first = np.cumsum(chunks) - chunks
        index = np.arange(len(users)) - np.repeat(first, chunks)
        size = np.minimum(
            lengths[users] - index * self.targets_per_user,
            self.targets_per_user,
        )
        offsets = np.concatenate([[0], np.cumsum(size)])
        rows = Ragged(values, offsets)
        shuffled = rng.permutation(len(users))
        return users[shuffled], rows.take(shuffled)

    def _shuffled(self, rng: np.random.Generator) -> np.ndarray:
        """All positives, each user's in a new order."""
        values, offsets = self.positives.values, self.positives.offsets
        shuffled = mapped.beside(values, len(values), values.dtype)
        for rows in mapped.row_parts(offsets):
            part = slice(offsets[rows.start], offsets[rows.stop])
            owner = np.repeat(
                np.arange(rows.stop - rows.start), self.positives.lengths[rows]
            )
            order = np.lexsort((rng.random(len(owner)), owner))
            shuffled[part] = values[part][order]
        return shuffled

    def _negatives(
        self, users: tf.Tensor, positives: tf.Tensor, seed: tf.Tensor
    ) -> tf.Tensor:
        """`[batch, targets, negatives]`."""
        shape = tf.concat([tf.shape(positives), [self.num_negatives]], 0)
        return self._sample(users, shape, _own_seed(seed, Draw.NEGATIVES))

    def _sample(
        self, users: tf.Tensor, shape: tf.Tensor, seed: tf.Tensor
    ) -> tf.Tensor:
        """Non-positives of each user, exactly uniform, without retries.

        See `FreeItems`; here each row has its own draws.
        """
        free = self.num_items - FIRST_ITEM - self._known.lengths(users)
        uniform = tf.random.stateless_uniform(
            [shape[0], tf.reduce_prod(shape[1:])], seed, dtype=tf.float64
        )
        drawn = tf.cast(
            uniform * tf.cast(free, tf.float64)[:, tf.newaxis], tf.int32
        )
        below = tf.searchsorted(
            self._known.pad_right(users, self.num_items), drawn, side="right"
        )
        return tf.reshape(drawn + below + FIRST_ITEM, shape)


def _rows(rows: Ragged) -> _TensorRows:
    """Held on the device, or read from where they are mapped."""
    return (_MappedRows if mapped.is_mapped(rows.values) else _TensorRows)(rows)


class _TensorRows:
    """Ragged rows on the device, gathered into padded batches."""

    def __init__(self, rows: Ragged) -> None:
        self._offsets = tf.constant(rows.offsets, tf.int64)
        self._values = self._kept(rows.values)

    def _kept(self, values: np.ndarray) -> Any:
        # One value more, so that the gather of an empty table has a target.
        return tf.constant(np.append(values, 0), tf.int32)

    def lengths(self, rows: tf.Tensor) -> tf.Tensor:
        """`[rows]` int32."""
        start, end = self._bounds(rows)
        return tf.cast(end - start, tf.int32)

    def pad_left(self, rows: tf.Tensor) -> tf.Tensor:
        """`[rows, longest]` int32, zeros before; one column at least."""
        start, end = self._bounds(rows)
        longest = tf.maximum(tf.reduce_max(end - start), 1)
        index = end[:, tf.newaxis] - longest + tf.range(longest)
        return self._gather(index, index >= start[:, tf.newaxis], 0)

    def pad_right(self, rows: tf.Tensor, padding: int) -> tf.Tensor:
        """`[rows, longest]` int32, `padding` after."""
        start, end = self._bounds(rows)
        index = start[:, tf.newaxis] + tf.range(tf.reduce_max(end - start))
        return self._gather(index, index < end[:, tf.newaxis], padding)

    def _bounds(self, rows: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        return tf.gather(self._offsets, rows), tf.gather(
            self._offsets, rows + 1
        )

    def _gather(
        self, index: tf.Tensor, real: tf.Tensor, padding: int
    ) -> tf.Tensor:
        values = self._read(tf.where(real, index, 0))
        return tf.where(real, values, padding)

    def _read(self, index: tf.Tensor) -> tf.Tensor:
        return tf.gather(self._values, index)


class _MappedRows(_TensorRows):
    """Ragged rows in a file; a batch reads what it needs."""

    def _kept(self, values: np.ndarray) -> Any:
        return values

    def _read(self, index: tf.Tensor) -> tf.Tensor:
        def read(places: np.ndarray) -> np.ndarray:
            return np.asarray(self._values[places], np.int32)

        values = tf.numpy_function(read, [index], tf.int32, stateful=False)
        values.set_shape(index.shape)
        return values


def _own_seed(seed: tf.Tensor, draw: Draw) -> tf.Tensor:
    return tf.random.experimental.stateless_fold_in(seed, draw)
