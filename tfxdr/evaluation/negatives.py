"""Sampled negatives that depend on the seed and the user alone.

Random bits come from SplitMix64, used as a counter hash of (seed, user row,
draw): the same on every machine, NumPy version and batch composition.
"""

from __future__ import annotations

import numpy as np

from tfxdr import errors
from tfxdr.ops.free_items import FreeItems
from tfxdr.ops.ragged import Ragged
from tfxdr.ops.splitmix import GOLDEN, mix, unit_interval

_BLOCK_BYTES = 32 << 20  # of the [users, items] marks; stays near the cache


def sample_negatives(
    positives: Ragged,
    rows: np.ndarray,
    *,
    num_items: int,
    num_negatives: int,
    seed: int,
) -> np.ndarray:
    """Draws distinct negatives, uniform over what is no positive of the user.

    Args:
      positives: item ids, repeats allowed, one row per user.
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
    free = FreeItems(positives, num_items)
    eligible = free.counts[rows]
    _check_enough(rows, eligible, num_negatives)
    negatives = np.empty((len(rows), num_negatives), np.int32)
    block = max(1, _BLOCK_BYTES // num_items)
    for start in range(0, len(rows), block):
        part = slice(start, start + block)
        draws = _distinct_draws(
            eligible[part], num_negatives, _row_keys(seed, rows[part])
        )
        negatives[part] = free.at(rows[part, np.newaxis], draws)
    return negatives


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
        f"none of its positives; ask for at most {eligible[worst]} negatives "
        "(--eval_negatives), or for full ranking (--eval_negatives=0)"
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
    drawn = unit_interval(mix(keys + counter * GOLDEN))
    return (drawn * bounds).astype(np.int64)


def _row_keys(seed: int, rows: np.ndarray) -> np.ndarray:
    base = mix(np.array([seed % 2**64], np.uint64))
    return mix(base + (rows.astype(np.uint64) + np.uint64(1)) * GOLDEN)
