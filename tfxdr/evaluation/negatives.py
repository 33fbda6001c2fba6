"""Sampled negatives that depend on the seed and the user alone.

Random bits come from SplitMix64 (Steele, Lea and Flood, 2014, "Fast splittable
pseudorandom number generators") used as a counter hash of (seed, user row,
draw): the same on every machine, NumPy version and batch composition.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from tfxdr import errors
from tfxdr.types import FIRST_ITEM

_BLOCK_BYTES = 32 << 20  # of the [users, items] marks; stays near the cache
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)


def sample_negatives(
    positives: Any,
    rows: np.ndarray,
    *,
    num_items: int,
    num_negatives: int,
    seed: int,
) -> np.ndarray:
    """Draws distinct negatives, uniform over what is no positive of the user.

    Args:
      positives: ragged item ids with `values` and `offsets`, one row per user.
      rows: `[users]` the user rows to draw for.
      num_items: size of the item table, ids 0 and 1 included.
      num_negatives: how many to draw for each user.
      seed: any integer.

    Returns:
      `[users, num_negatives]` int32 item ids, distinct in each row. The rows
      are uniform as sets; their order carries no meaning.

    Raises:
      InputError: a user has fewer than `num_negatives` eligible items.
    """
    rows = np.asarray(rows, np.int64)
    known, starts = _distinct(positives, num_items)
    eligible = num_items - FIRST_ITEM - np.diff(starts)[rows]
    _check_enough(rows, eligible, num_negatives)
    negatives = np.empty((len(rows), num_negatives), np.int32)
    block = max(1, _BLOCK_BYTES // num_items)
    for start in range(0, len(rows), block):
        part = slice(start, start + block)
        draws = _distinct_draws(
            eligible[part], num_negatives, _row_keys(seed, rows[part])
        )
        # Eligible item d stands after d eligible ones and every positive that
        # has at most d eligible ones before it.
        keys = draws + rows[part, np.newaxis] * num_items
        passed = np.searchsorted(known, keys, side="right")
        passed -= starts[rows[part], np.newaxis]
        negatives[part] = draws + passed + FIRST_ITEM
    return negatives


def _distinct(positives: Any, num_items: int) -> tuple[np.ndarray, np.ndarray]:
    """Sorted keys `row * num_items + eligible items below`, and row starts."""
    num_rows = len(positives.offsets) - 1
    rows = np.repeat(np.arange(num_rows), np.diff(positives.offsets))
    items = np.asarray(positives.values, np.int64) - FIRST_ITEM
    real = items >= 0
    # Not np.unique: it hashes since NumPy 2.3, far slower on these keys.
    keys = np.sort(rows[real] * num_items + items[real])
    keys = keys[np.diff(keys, prepend=-1) > 0]
    starts = np.searchsorted(keys, np.arange(num_rows + 1) * num_items)
    within = np.arange(len(keys)) - np.repeat(starts[:-1], np.diff(starts))
    return keys - within, starts


def _check_enough(
    rows: np.ndarray, eligible: np.ndarray, num_negatives: int
) -> None:
    short = np.flatnonzero(eligible < num_negatives)
    if not len(short):
        return
    worst = short[np.argmin(eligible[short])]
    raise errors.InputError(
        f"cannot sample {num_negatives} negatives for {len(short)} users: "
        f"user row {rows[worst]} has only {eligible[worst]} items that are "
        f"none of its positives. Ask for at most {eligible[worst]} negatives "
        "(--eval_negatives), or for full ranking (--eval_negatives=0)."
    )


def _distinct_draws(
    sizes: np.ndarray, num_draws: int, keys: np.ndarray
) -> np.ndarray:
    """Floyd's sampling without replacement from `range(size)`, row by row."""
    row = np.arange(len(sizes))
    taken = np.zeros((len(sizes), sizes.max(initial=0)), bool)
    draws = np.empty((len(sizes), num_draws), np.int64)
    for step in range(num_draws):
        last = sizes - num_draws + step
        draw = _below(last + 1, keys, step)
        draw = np.where(taken[row, draw], last, draw)
        taken[row, draw] = True
        draws[:, step] = draw
    return draws


def _below(bounds: np.ndarray, keys: np.ndarray, step: int) -> np.ndarray:
    """One integer in `[0, bound)` per row; 53 random bits leave no bias."""
    counter = np.array([step + 1], np.uint64)  # an array: scalars warn
    bits = _mix(keys + counter * _GOLDEN) >> np.uint64(11)
    return (bits * 2.0**-53 * bounds).astype(np.int64)


def _row_keys(seed: int, rows: np.ndarray) -> np.ndarray:
    base = _mix(np.array([seed % 2**64], np.uint64))
    return _mix(base + (rows.astype(np.uint64) + np.uint64(1)) * _GOLDEN)


def _mix(bits: np.ndarray) -> np.ndarray:
    """SplitMix64's finalizer; uint64 arrays wrap around without a warning."""
    bits = (bits ^ (bits >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    bits = (bits ^ (bits >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return bits ^ (bits >> np.uint64(31))
