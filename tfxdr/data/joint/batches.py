"""Batches of joint training, in an order that can be replayed.

What a step sees is a pure function of (seed, epoch, step), and what the upper
level of a meta-learner sees one of (seed, number).
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import tensorflow as tf

from tfxdr.data.joint.events import DomainEvents
from tfxdr.data.joint.examples import JointData, Rows
from tfxdr.data.replayed import batches, generator, step_seed
from tfxdr.data.splits import TEST, TRAIN
from tfxdr.types import (
    FIRST_ITEM,
    HELD_OUT,
    PADDING,
    TRAINING,
    Items,
    JointBatch,
)

# Tell random streams apart.
_EPOCH, _START, _HELD_OUT, _MATCHED, _FOLDS = range(5)


class JointBatches:
    """Target examples in a new order each epoch, beside source examples.

    An epoch sees every target training example once. Its source example is
    one of the same user's; these are gone through in their order, one after
    the other over all epochs from a start drawn by the seed, so that each
    comes as often as any other of the user, give or take one. Source events
    of users without target training examples are in histories alone.

    Args:
      data: the examples.
      batch_size: target examples in a batch; an epoch's last may have fewer.
      seed: of the order, the starts, the negatives and each batch's draws.
      meta_set: `held-out`, the rows that the data hold out of training;
        `training`, those that train; or `rotating`: in every epoch another
        part of both, as large as what the data hold out, is the meta set, and
        all others train.
      source_examples: beside each target example, a row with each.
    """

    def __init__(
        self,
        data: JointData,
        *,
        batch_size: int,
        seed: int,
        meta_set: str = HELD_OUT,
        source_examples: int = 1,
    ) -> None:
        self.data = data
        self.batch_size = batch_size
        self.seed = seed
        self._meta_set = meta_set
        self._beside = source_examples
        self.steps = -(-len(data.train) // batch_size)  # in an epoch
        self._assemble = _Assembler(data, TRAIN)
        behaviors = data.source.visible(TRAIN)
        self._sources = behaviors.lengths * data.source.examples_per_event
        start = self._generator(_START, 0).random(len(behaviors))
        self._start = (start * self._sources).astype(np.int64)

    def epoch(self, epoch: int, first_step: int = 0) -> tf.data.Dataset:
        """The batches of an epoch from a step on."""
        random = self._generator(_EPOCH, epoch)
        examples = random.permutation(self._sets(epoch)[0])
        examples = np.repeat(examples, self._beside)
        sources = self._rotated(examples, epoch)
        rows = _tensors(self.data.target_rows(examples, sources, random))
        size = self.batch_size * self._beside

        def assemble(step: tf.Tensor) -> JointBatch:
            start = step * size
            number = tf.cast(epoch * self.steps + step, tf.int32)
            return self._assemble(
                Rows(*(part[start : start + size] for part in rows)),
                seed=step_seed(self.seed, number),
                step=number,
                epoch=tf.constant(epoch, tf.int32),
            )

        return batches(assemble, first_step, self.steps)

    def held_out(self, number: int, size: int, epoch: int = 0) -> JointBatch:
        """Rows of the meta set.

        The set is gone through in a seeded order, then in another.

        Args:
          number: from 0.
          size: rows; fewer only if the meta set has fewer.
          epoch: that is under way, for a meta set that rotates.

        Raises:
          ValueError: there is no meta set.
        """
        meta = self._sets(epoch)[1]
        if not len(meta):
            raise ValueError(
                "expected a meta set, received none: meta_fraction was 0"
            )
        total = len(meta)
        size = min(size, total)
        turn, first = divmod(number * size, total)
        order = np.concatenate(
            [
                self._generator(_HELD_OUT, 2 * after).permutation(total)
                for after in (turn, turn + 1)[: 1 + (first + size > total)]
            ]
        )
        random = self._generator(_HELD_OUT, 2 * number + 1)
        return self._drawn(meta[order[first : first + size]], number, random)

    def of_users(
        self, users: np.ndarray, number: int, epoch: int = 0
    ) -> JointBatch:
        """A training row of each of some users, drawn anew for each number.

        Args:
          users: `[n]` rows of `Users`; one that stands twice gets two rows,
            one without a training row none.
          number: from 0.
          epoch: that is under way, for a meta set that rotates.
        """
        examples = self._sets(epoch)[0]
        owner = self.data.target.user[examples >> 1]
        order = np.argsort(owner, kind="stable")
        starts, ends = (
            np.searchsorted(owner[order], users, side=side)
            for side in ("left", "right")
        )
        random = self._generator(_MATCHED, number)
        place = starts + (random.random(len(users)) * (ends - starts)).astype(
            np.int64
        )
        chosen = examples[order[place[ends > starts]]]
        return self._drawn(chosen, number, random)

    def _drawn(
        self, chosen: np.ndarray, number: int, random: np.random.Generator
    ) -> JointBatch:
        """Training rows, each beside any of the user's source examples."""
        users = self.data.target.user[chosen >> 1]
        index = (random.random(len(chosen)) * self._sources[users]).astype(
            np.int64
        )
        rows = self.data.target_rows(
            chosen, self._source_examples(users, index), random
        )
        with _on_cpu():
            return self._assemble(
                _tensors(rows),
                seed=tf.constant(random.integers(1 << 31, size=2), tf.int32),
                step=tf.constant(number, tf.int32),
                epoch=tf.constant(0, tf.int32),
            )

    def _sets(self, epoch: int) -> tuple[np.ndarray, np.ndarray]:
        """Examples that train in an epoch, and those of the meta set."""
        train, meta = self.data.train, self.data.meta
        if self._meta_set == TRAINING:
            return train, train
        if self._meta_set == HELD_OUT or not len(meta):
            return train, meta
        size = len(meta)
        everything = np.concatenate([train, meta])
        # The same order in all epochs: whole parts of it take turns.
        order = self._generator(_FOLDS, 0).permutation(len(everything))
        part = epoch % (len(everything) // size)
        held_out = np.zeros(len(everything), bool)
        held_out[order[part * size : (part + 1) * size]] = True
        return everything[~held_out], everything[held_out]

    def _rotated(self, examples: np.ndarray, epoch: int) -> np.ndarray:
        """Each example's source example in this epoch."""
        users = self.data.target.user[examples >> 1]
        counts = np.bincount(users, minlength=len(self._start))
        order = np.argsort(users, kind="stable")
        place = np.empty(len(users), np.int64)
        place[order] = np.arange(len(users)) - np.repeat(
            np.cumsum(counts) - counts, counts
        )
        index = self._start[users] + epoch * counts[users] + place
        return self._source_examples(
            users, index % np.maximum(self._sources[users], 1)
        )

    def _source_examples(
        self, users: np.ndarray, index: np.ndarray
    ) -> np.ndarray:
        """The index-th source example of training of each user, or -1."""
        source = self.data.source
        behaviors = source.visible(TRAIN)
        event, negative = np.divmod(index, source.examples_per_event)
        place = behaviors.offsets[users] + event
        found = np.append(behaviors.values, 0)[place].astype(np.int64)
        return np.where(self._sources[users] > 0, 2 * found + negative, -1)

    def _generator(self, stream: int, number: int) -> np.random.Generator:
        return generator(self.seed, stream, number)


def evaluation_batches(
    data: JointData, domain: str, split: int, batch_size: int
) -> Iterator[tuple[JointBatch, int]]:
    """All examples of a split once, in order.

    Args:
      data: the examples.
      domain: whose examples are judged. Those of the target stand beside the
        user's most recent source event before them; those of the source (dual
        evaluation) beside their most recent target event of training. See
        `JointData.evaluation_rows`.
      split: 0, 1 or 2.
      batch_size: rows in each batch; the last one repeats its last row to
        have as many.

    Yields:
      A batch, and how many of its rows count.
    """
    rows = data.evaluation_rows(domain, split)
    yield from _padded_batches(data, rows, split, batch_size)


def behavior_batches(
    data: JointData, users: np.ndarray, batch_size: int
) -> Iterator[tuple[JointBatch, np.ndarray, np.ndarray]]:
    """Every source behavior of training of the users; see
    `JointData.behavior_rows`.

    Args:
      data: the examples.
      users: `[n]` rows of `Users`, in this order.
      batch_size: rows in each batch; the last one repeats its last row to
        have as many.

    Yields:
      A batch, and for those of its rows that count `[rows]` the user's row
      and `[rows]` the behavior's position in the user's history, both int64.
    """
    rows = data.behavior_rows(np.asarray(users, np.int64))
    done = 0
    for batch, number in _padded_batches(data, rows, TEST, batch_size):
        part = slice(done, done + number)
        user = rows.user[part].astype(np.int64)
        starts = data.source.items.offsets[user]
        yield batch, user, rows.source_event[part] - starts
        done += number


def source_of_users(
    data: JointData, users: np.ndarray, split: int = TEST
) -> Items:
    """The source items beside which all target items are ranked.

    Args:
      data: the examples.
      users: `[n]` rows of `Users`.
      split: whose first target example sets the moment.

    Returns:
      `[n]` each user's most recent source event before that moment, or of
      all where they have no target example of the split; 0 for none.
    """
    events = data.latest_source(np.asarray(users, np.int64), split)
    items = np.append(data.source.items.values, PADDING)[events]
    return Items(
        tf.constant(items, tf.int32),
        tf.constant(data.source.category[items], tf.int32),
    )


def _padded_batches(
    data: JointData, rows: Rows, audience: int, batch_size: int
) -> Iterator[tuple[JointBatch, int]]:
    total = len(rows.user)
    if not total:
        return
    assemble = _Assembler(data, audience)
    tensors = _tensors(rows)

    def batch(step: tf.Tensor) -> JointBatch:
        index = step * batch_size + tf.range(batch_size, dtype=tf.int64)
        index = tf.minimum(index, total - 1)
        return assemble(
            Rows(*(tf.gather(part, index) for part in tensors)),
            seed=tf.zeros([2], tf.int32),
            step=tf.cast(step, tf.int32),
            epoch=tf.constant(0, tf.int32),
        )

    steps = -(-total // batch_size)
    for step, made in enumerate(batches(batch, 0, steps)):
        yield made, min(batch_size, total - step * batch_size)


class _Assembler:
    """Gathers the histories of rows.

    Args:
      data: the examples.
      audience: the split whose rows these are.
    """

    def __init__(self, data: JointData, audience: int) -> None:
        self._source, self._target = (
            _Histories(domain, audience, data.history_length, data.liked_alone)
            for domain in (data.source, data.target)
        )

    def __call__(
        self, rows: Rows, *, seed: tf.Tensor, step: tf.Tensor, epoch: tf.Tensor
    ) -> JointBatch:
        return JointBatch(
            user=rows.user + FIRST_ITEM,
            source=self._source.with_category(rows.source_item),
            target=self._target.with_category(rows.target_item),
            source_label=rows.source_label,
            target_label=rows.target_label,
            has_source=tf.cast(rows.source_event >= 0, tf.float32),
            source_history=self._source(
                rows.user, rows.source_end, rows.source_event
            ),
            target_history=self._target(
                rows.user, rows.target_end, rows.target_event
            ),
            seed=seed,
            step=step,
            epoch=epoch,
            negatives=(
                self._target.with_category(rows.negatives)
                if rows.negatives.shape[1]
                else ()
            ),
        )


class _Histories:
    """A domain's visible events, gathered into padded histories."""

    def __init__(
        self, domain: DomainEvents, audience: int, length: int, liked: bool
    ) -> None:
        items = domain.items.values
        if liked and domain.label is not None:
            items = np.where(domain.label > 0, items, PADDING)
        visible = domain.visible(audience)
        self._length = length
        with _on_cpu():
            # One more, so that the gather of an empty table has a target.
            self._events = tf.constant(np.append(visible.values, 0), tf.int32)
            self._starts = tf.constant(visible.offsets[:-1], tf.int32)
            self._items = tf.constant(np.append(items, PADDING), tf.int32)
            self._category = tf.constant(domain.category, tf.int32)

    def __call__(
        self, user: tf.Tensor, end: tf.Tensor, left_out: tf.Tensor
    ) -> Items:
        """`[rows, length]`, the events before `end` but for one.

        Args:
          user: `[rows]`.
          end: `[rows]`, position in the visible events.
          left_out: `[rows]` event, -1 for none.
        """
        columns = tf.range(self._length + 1)
        index = end[:, tf.newaxis] - (self._length + 1) + columns
        real = index >= tf.gather(self._starts, user)[:, tf.newaxis]
        events = tf.gather(self._events, tf.where(real, index, 0))
        events = tf.where(real, events, -1)
        # Of one event too many, that which is left out goes; else the oldest.
        here = real & (events == left_out[:, tf.newaxis])
        found = tf.reduce_max(tf.where(here, columns, 0), axis=1)
        earlier = columns[:-1] < found[:, tf.newaxis]
        events = tf.where(earlier, events[:, :-1], events[:, 1:])
        items = tf.gather(self._items, tf.maximum(events, 0))
        return self.with_category(tf.where(events >= 0, items, PADDING))

    def with_category(self, items: tf.Tensor) -> Items:
        return Items(items, tf.gather(self._category, items))


def _tensors(rows: Rows) -> Rows:
    with _on_cpu():
        return Rows(*(tf.constant(part) for part in rows))


def _on_cpu():
    """Batches are made there, beside an accelerator's work."""
    return tf.device("CPU:0")
