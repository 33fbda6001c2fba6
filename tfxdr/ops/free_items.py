"""Negatives of joint examples."""

from __future__ import annotations

import numpy as np

from tfxdr.ops.ragged import Ragged
from tfxdr.types import FIRST_ITEM


class FreeItems:
    """Draws items that are none of a user's known ones.

    Args:
      known: rows of items, repeats allowed, one row per user.
      num_items: size of the item table, reserved ids included.
    """

    def __init__(self, known: Ragged, num_items: int) -> None:
        self.num_items = num_items
        keys = known.row_of_value * num_items + (known.values - FIRST_ITEM)
        keys = np.sort(keys)
        keys = keys[np.diff(keys, prepend=-1) > 0]
        self._starts = np.searchsorted(
            keys, np.arange(len(known) + 1) * num_items
        )
        lengths = np.diff(self._starts)
        within = np.arange(len(keys)) - np.repeat(self._starts[:-1], lengths)
        # The free items below each known one, in keys that rise.
        self._gaps = keys - within
        self._free = num_items - FIRST_ITEM - lengths

    def missing(self, users: np.ndarray) -> bool:
        """Whether one of the users knows everything."""
        return bool((self._free[users] < 1).any())

    def draw(self, users: np.ndarray, drawn: np.ndarray) -> np.ndarray:
        """One free item for each row, exactly uniform, without retries.

        The r-th free item is r plus the number of known items below it.

        Args:
          users: `[rows]` user rows.
          drawn: `[rows]` in [0, 1).

        Returns:
          `[rows]` int32 items.
        """
        rank = (drawn * self._free[users]).astype(np.int64)
        keys = users.astype(np.int64) * self.num_items + rank
        below = np.searchsorted(self._gaps, keys, side="right")
        below -= self._starts[users]
        return (rank + below + FIRST_ITEM).astype(np.int32)
