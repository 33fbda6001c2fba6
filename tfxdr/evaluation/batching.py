"""Users in batches of like length, each scored once."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import tensorflow as tf

from tfxdr import errors
from tfxdr.evaluation import division
from tfxdr.ops.ragged import Ragged
from tfxdr.types import FIRST_ITEM, Scorer

CHUNK_BYTES = 64 << 20  # of the largest [rows, items] float32 matrix

Progress = Callable[[int, int], None]


def rows_in_bounds(num_items: int, num_bytes: int = CHUNK_BYTES) -> int:
    """How many rows of `num_items` float32 fit; at least 1."""
    return max(1, num_bytes // (4 * num_items))


def scored_batches(
    scorer: Scorer,
    history: Ragged,
    users: np.ndarray,
    *,
    num_items: int,
    batch_size: int,
    progress: Progress | None = None,
) -> Iterator[tuple[np.ndarray, tf.Tensor]]:
    """Scores users, longest history first, so that padding is little.

    Args:
      scorer: maps int32 histories `[batch, length]`, left-padded with 0 to
        their own longest (at least 1), to scores `[batch, num_items]`.
      history: source ids per user, oldest first.
      users: `[scored]` rows of `history`.
      num_items: size of the target item table, ids 0 and 1 included.
      batch_size: users per call of the scorer, at most.
      progress: called with (users done, users in all) after each batch.

    Yields:
      Of the batches that are this worker's (see `division`) the places in
      `users`, `[batch]`, and their scores, `[batch, num_items]` float32, which
      hold no NaN from item 2 on.

    Raises:
      TrainingError: the score of a real item is NaN.
      ValueError: the scorer's answer has another shape.
    """
    done = 0
    batches = padded_batches(history, users, batch_size)
    for places, padded in division.own(batches):
        yield places, _scores(scorer, padded, users[places], num_items)
        done += len(places)
        if progress is not None:
            progress(done, len(users))


def padded_batches(
    history: Ragged, users: np.ndarray, batch_size: int
) -> Iterator[tuple[np.ndarray, np.ndarray]]:
    """Yields places in `users`, longest history first, and their histories.

    These are int32 `[batch, longest]`, padded with 0 on the left. The longest
    counts as at least 1: convolutions refuse length 0.
    """
    lengths = history.lengths[users]
    order = np.argsort(-lengths, kind="stable")
    for start in range(0, len(order), batch_size):
        places = order[start : start + batch_size]
        longest = max(1, lengths[places[0]])
        padded = history.pad_left(users[places], longest)
        yield places, padded.astype(np.int32, copy=False)


def check_rows(**rows: Ragged) -> None:
    """Raises ValueError unless all have as many rows."""
    counts = {name: len(part) for name, part in rows.items()}
    if len(set(counts.values())) != 1:
        raise ValueError(f"all should have one row per user, found {counts}")


def check_ids(name: str, ids: np.ndarray, num_items: int) -> None:
    """Raises ValueError unless all are ids of real target items."""
    low, high = FIRST_ITEM, num_items - 1
    if len(ids) and not (low <= ids.min() and ids.max() <= high):
        raise ValueError(
            f"{name} should hold item ids from {low} to {high}. "
            f"Received: {ids.min()} to {ids.max()}"
        )


def _scores(
    scorer: Scorer, padded: np.ndarray, users: np.ndarray, num_items: int
) -> tf.Tensor:
    scores = tf.convert_to_tensor(scorer(padded))
    expected = (len(users), num_items)
    if tuple(scores.shape) != expected:
        raise ValueError(
            "a scorer should return scores [users, num_items] = "
            f"{list(expected)}. Received: {list(scores.shape)}"
        )
    scores = tf.cast(scores, tf.float32)
    if _has_nan(scores):
        wrong = np.isnan(scores.numpy())
        wrong[:, :FIRST_ITEM] = False
        row, item = np.argwhere(wrong)[0]
        raise errors.TrainingError(
            f"the score of target item {item} for user row {users[row]} "
            "is NaN: the model has diverged, its scores mean nothing."
        )
    return scores


def _has_nan(scores: tf.Tensor) -> tf.Tensor:
    """Whether a real item's score is NaN.

    A row's sum tells in one pass that none is; where it is NaN, which infinite
    scores and reserved items can do as well, all are looked at.
    """
    sums = tf.linalg.matvec(scores, tf.ones(tf.shape(scores)[1:]))
    if not tf.reduce_any(tf.math.is_nan(sums)):
        return tf.constant(False)
    return tf.reduce_any(tf.math.is_nan(scores[:, FIRST_ITEM:]))
