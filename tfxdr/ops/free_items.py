"""The items that a user does not know, by their number."""

from __future__ import annotations

import numpy as np

from tfxdr.ops.ragged import Ragged
from tfxdr.types import FIRST_ITEM


class FreeItems:
    """The real items that are none of a user's known ones, in order.

    The r-th free item, from 0, is r plus the number of known items below it:
    those with at most r free ones below them.

    Attributes:
      counts: `[users]` int64, how many free items each user has.
      below: the number of free items below each known one, rising in each
        row; one row per user, each known item once.

    Args:
      known: rows of items, repeats and reserved ids allowed, one row per user.
      num_items: size of the item table, reserved ids included.
    """

    def __init__(self, known: Ragged, num_items: int) -> None:
        self.num_items = num_items
        real = known.values >= FIRST_ITEM
        row, item = known.row_of_value[real], known.values[real] - FIRST_ITEM
        # Not np.unique: it hashes since NumPy 2.3, far slower on these keys.
        keys = np.sort(row * num_items + item)
        keys = keys[np.diff(keys, prepend=-1) > 0]
        first_keys = np.arange(len(known) + 1) * num_items
        starts = np.searchsorted(keys, first_keys)
        lengths = np.diff(starts)
        within = np.arange(len(keys)) - np.repeat(starts[:-1], lengths)
        self._keys = keys - within  # these rise over all rows
        self._starts = starts
        self.counts = num_items - FIRST_ITEM - lengths

    @property
    def below(self) -> Ragged:
        lengths = np.diff(self._starts)
        rows = np.repeat(np.arange(len(lengths)), lengths)
        return Ragged(self._keys - rows * self.num_items, self._starts)

    def missing(self, users: np.ndarray) -> bool:
        """Whether one of the users knows everything."""
        return bool((self.counts[users] < 1).any())

    def at(self, users: np.ndarray, number: np.ndarray) -> np.ndarray:
        """Free items by their number.

        Args:
          users: user rows, of any shape.
          number: from 0 to `counts` of the user, exclusive, of a shape that
            broadcasts with it.

        Returns:
          int32 items of the shape of both.
        """
        keys = users.astype(np.int64) * self.num_items + number
        known = np.searchsorted(self._keys, keys, side="right")
        known -= self._starts[users]
        return (number + known + FIRST_ITEM).astype(np.int32)

    def draw(self, users: np.ndarray, drawn: np.ndarray) -> np.ndarray:
        """One free item for each row, exactly uniform, without retries.

        Args:
          users: `[rows]` user rows.
          drawn: `[rows]` in [0, 1).

        Returns:
          `[rows]` int32 items.
        """
        number = (drawn * self.counts[users]).astype(np.int64)
        return self.at(users, number)
