"""The items that a user does not know, by their number."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from tfxdr.ops import mapped
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
        real = known
        if known.values.min(initial=FIRST_ITEM) < FIRST_ITEM:
            real = known.select(known.values >= FIRST_ITEM)
        items = real.distinct()
        self._keys = mapped.beside(items.values, len(items.values), np.int64)
        for row, within, values in _places(items.offsets):
            item = items.values[values] - FIRST_ITEM
            # These rise over all rows.
            self._keys[values] = row * num_items + item - within
        self._starts = items.offsets
        self.counts = num_items - FIRST_ITEM - items.lengths

    @property
    def below(self) -> Ragged:
        numbers = mapped.beside(self._keys, len(self._keys), np.int32)
        for row, _, values in _places(self._starts):
            numbers[values] = self._keys[values] - row * self.num_items
        return Ragged(numbers, self._starts)

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


def _places(
    offsets: np.ndarray,
) -> Iterator[tuple[np.ndarray, np.ndarray, slice]]:
    """Rows and places within them of some values at a time."""
    lengths = np.diff(offsets)
    for rows in mapped.row_parts(offsets):
        values = slice(offsets[rows.start], offsets[rows.stop])
        row = np.repeat(np.arange(rows.start, rows.stop), lengths[rows])
        within = np.arange(values.start, values.stop) - offsets[row]
        yield row, within, values
