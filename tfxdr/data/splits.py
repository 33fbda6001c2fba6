"""Which target instance is for training, validation or test.

Pure functions of NumPy arrays. Hashes are the same in every process, on every
platform and for every NumPy version.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable

import numpy as np

from tfxdr.ops.splitmix import GOLDEN, mix, unit_interval

TRAIN, VALIDATION, TEST = 0, 1, 2
UNUSED = 3  # A training instance that a smaller train fraction leaves out.

RANDOM, LEAVE_ONE_OUT, TIME = "random", "leave-one-out", "time"
COLUMN = "column"  # of the data: a published split
SPLITS = (RANDOM, LEAVE_ONE_OUT, TIME, COLUMN)

_SPLIT_SALT = 1
_FRACTION_SALT = 2


def hash_ids(ids: Iterable[bytes]) -> np.ndarray:
    """A 64-bit hash of each raw id, `[ids]` uint64 (BLAKE2b)."""
    digests = b"".join(
        hashlib.blake2b(raw, digest_size=8).digest() for raw in ids
    )
    return np.frombuffer(digests, "<u8").astype(np.uint64)


def uniform(
    users: np.ndarray, items: np.ndarray, seed: int, salt: int
) -> np.ndarray:
    """A number in [0, 1) for each instance, from (seed, salt, user, item).

    Args:
      users: `[instances]` uint64 hashes of the users.
      items: `[instances]` uint64 hashes of the items.
      seed: Any integer.
      salt: Keeps different uses of one seed independent.

    Returns:
      `[instances]` float64.
    """
    words = np.array([seed % 2**64, salt], np.uint64)
    first, second = _mix(words)
    mixed = _mix(_mix(users ^ first) + items)
    return unit_interval(_mix(mixed ^ second))


def split_random(
    users: np.ndarray,
    items: np.ndarray,
    seed: int,
    fractions: tuple[float, float, float],
) -> np.ndarray:
    """UAF's split (section 4.2): instances at random, by seed.

    Args:
      users: `[instances]` uint64 hashes of the users.
      items: `[instances]` uint64 hashes of the items.
      seed: Another seed is another split.
      fractions: Expected shares of training, validation and test.

    Returns:
      `[instances]` int8.
    """
    drawn = uniform(users, items, seed, _SPLIT_SALT)
    edges = np.cumsum(fractions)[:2]
    return np.searchsorted(edges, drawn, side="right").astype(np.int8)


def split_leave_one_out(offsets: np.ndarray) -> np.ndarray:
    """Per user, oldest first: last is test, last but one validation.

    A user with one instance has it in training alone, one with two has them
    in training and test.

    Args:
      offsets: `[users + 1]`, where each user's instances begin.

    Returns:
      `[instances]` int8.
    """
    lengths = np.diff(offsets)
    split = np.zeros(offsets[-1], np.int8)
    last = offsets[1:] - 1
    split[last[lengths >= 2]] = TEST
    split[last[lengths >= 3] - 1] = VALIDATION
    return split


def split_time(
    times: np.ndarray, validation_from: int, test_from: int
) -> np.ndarray:
    """One cut in time for everybody: `[instances]` int8.

    Instances at a boundary belong to the later part.
    """
    edges = np.array([validation_from, test_from], np.int64)
    return np.searchsorted(edges, times, side="right").astype(np.int8)


def split_validation_off(
    split: np.ndarray,
    users: np.ndarray,
    items: np.ndarray,
    seed: int,
    share: float,
) -> np.ndarray:
    """A published split without a validation part gets one, of training.

    Args:
      split: `[instances]` int8 of training and test.
      users: `[instances]` uint64 hashes of the users.
      items: `[instances]` uint64 hashes of the items.
      seed: Another seed is another part.
      share: Of the training instances, expected.

    Returns:
      `[instances]` int8.
    """
    drawn = uniform(users, items, seed, _SPLIT_SALT)
    taken = (split == TRAIN) & (drawn < share)
    return np.where(taken, VALIDATION, split).astype(np.int8)


def lowest_fraction(drawn: np.ndarray, fraction: float) -> np.ndarray:
    """Marks the `fraction` of the instances with the lowest draws.

    Smaller fractions are subsets of larger ones.

    Args:
      drawn: `[instances]` float64.
      fraction: In (0, 1]; at least one instance is kept.

    Returns:
      `[instances]` bool.
    """
    kept = np.zeros(len(drawn), bool)
    count = max(1, round(fraction * len(drawn)))
    kept[np.argsort(drawn, kind="stable")[:count]] = True
    return kept


def training_draw(
    users: np.ndarray, items: np.ndarray, seed: int
) -> np.ndarray:
    """What `lowest_fraction` orders training instances by."""
    return uniform(users, items, seed, _FRACTION_SALT)


def _mix(words: np.ndarray) -> np.ndarray:
    """One step of SplitMix64 from each word."""
    return mix(words + GOLDEN)
