"""Rows of different lengths in two flat arrays."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from tfxdr.ops import mapped


@dataclasses.dataclass(frozen=True, eq=False)
class Ragged:
    """Row `i` is `values[offsets[i]:offsets[i + 1]]`.

    What is made of it is mapped where its values are (see `mapped`), and made
    a part at a time.

    Args:
      values: `[total]`, any dtype.
      offsets: `[rows + 1]` int64, from 0 to `total`, never decreasing.

    Raises:
      ValueError: The offsets do not fit the values.
    """

    values: np.ndarray
    offsets: np.ndarray

    def __post_init__(self):
        values = np.asanyarray(self.values)  # a mapped one stays it
        offsets = np.asarray(self.offsets, dtype=np.int64)
        if values.ndim != 1 or offsets.ndim != 1 or not len(offsets):
            raise ValueError(
                "values should be [total] and offsets [rows + 1]. Received: "
                f"values {values.shape}, offsets {offsets.shape}"
            )
        if (
            offsets[0] != 0
            or offsets[-1] != len(values)
            or np.any(offsets[1:] < offsets[:-1])
        ):
            raise ValueError(
                f"offsets should rise from 0 to {len(values)}. "
                f"Received: {offsets}"
            )
        object.__setattr__(self, "values", values)
        object.__setattr__(self, "offsets", offsets)

    @classmethod
    def from_rows(
        cls, rows: Iterable[Sequence], dtype: np.typing.DTypeLike = np.int32
    ) -> Ragged:
        """Joins rows; `dtype` is that of the values."""
        arrays = [np.asarray(row, dtype=dtype) for row in rows]
        values = np.concatenate(arrays) if arrays else np.zeros(0, dtype)
        return cls.from_lengths(values, [len(row) for row in arrays])

    @classmethod
    def from_lengths(
        cls, values: np.ndarray, lengths: Sequence[int] | np.ndarray
    ) -> Ragged:
        """Cuts `values` into rows of the given lengths."""
        return cls(values, offsets_of(np.asarray(lengths, np.int64)))

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __getitem__(self, row: int) -> np.ndarray:
        """A view of one row; negative rows count from the end."""
        if row < 0:
            row += len(self)
        if not 0 <= row < len(self):
            raise IndexError(f"row {row} of {len(self)}")
        return self.values[self.offsets[row] : self.offsets[row + 1]]

    def __iter__(self) -> Iterator[np.ndarray]:
        return (self[row] for row in range(len(self)))

    @property
    def lengths(self) -> np.ndarray:
        """`[rows]` int64."""
        return np.diff(self.offsets)

    @property
    def row_of_value(self) -> np.ndarray:
        """`[total]` int64, the row that each value stands in."""
        return np.repeat(np.arange(len(self)), self.lengths)

    def take(self, rows: Sequence[int] | np.ndarray) -> Ragged:
        """The given rows in the given order."""
        rows = np.asarray(rows, np.int64)
        return self._cut(self.offsets[:-1][rows], self.lengths[rows])

    def select(self, keep: np.ndarray) -> Ragged:
        """Only the values where `keep`, `[total]` bool; all rows stay."""
        kept = mapped.beside(
            self.values, int(np.count_nonzero(keep)), self.values.dtype
        )
        lengths = np.zeros(len(self), np.int64)
        end = 0
        for rows, values in self._parts():
            counted = offsets_of(keep[values])
            bounds = self.offsets[rows.start : rows.stop + 1] - values.start
            lengths[rows] = np.diff(counted[bounds])
            start, end = end, end + counted[-1]
            kept[start:end] = self.values[values][keep[values]]
        return Ragged.from_lengths(kept, lengths)

    def distinct(self) -> Ragged:
        """Each row's values in ascending order, each once; none below 0."""
        size = int(self.values.max(initial=0)) + 1
        column = mapped.beside(self.values, len(self.values), self.values.dtype)
        lengths = np.zeros(len(self), np.int64)
        end = 0
        for rows, values in self._parts():
            number = rows.stop - rows.start
            row = np.repeat(np.arange(number), self.lengths[rows])
            # Not np.unique: it hashes since NumPy 2.3, far slower on these.
            keys = np.sort(row * size + self.values[values])
            keys = keys[np.diff(keys, prepend=-1) > 0]
            row, value = np.divmod(keys, size)
            lengths[rows] = np.bincount(row, minlength=number)
            start, end = end, end + len(keys)
            column[start:end] = value
        return Ragged.from_lengths(column[:end], lengths)

    def first(self, length: int | np.ndarray) -> Ragged:
        """At most the first `length` values of each row."""
        lengths = np.minimum(self.lengths, length)
        return self._cut(self.offsets[:-1], lengths)

    def last(self, length: int | np.ndarray) -> Ragged:
        """At most the last `length` values of each row."""
        lengths = np.minimum(self.lengths, length)
        return self._cut(self.offsets[1:] - lengths, lengths)

    def _cut(self, starts: np.ndarray, lengths: np.ndarray) -> Ragged:
        """`[rows]` runs of values as rows."""
        offsets = offsets_of(lengths)
        values = mapped.beside(self.values, offsets[-1], self.values.dtype)
        for rows in mapped.row_parts(offsets):
            part = slice(offsets[rows.start], offsets[rows.stop])
            values[part] = self.values[_ranges(starts[rows], lengths[rows])]
        return Ragged(values, offsets)

    def _parts(self) -> Iterator[tuple[slice, slice]]:
        """Rows and their values, some at a time."""
        for rows in mapped.row_parts(self.offsets):
            yield (
                rows,
                slice(self.offsets[rows.start], self.offsets[rows.stop]),
            )

    def windows(self, length: int) -> Ragged:
        """Cuts rows into windows of at most `length` values, from the end.

        A window begins with the last value of the one before, so that every
        value but a row's first follows another in exactly one window. Rows
        that are no longer than `length` stay whole, the order too.

        Raises:
          ValueError: a window would hold no pair.
        """
        if length < 2:
            raise ValueError(f"length should be at least 2. Received: {length}")
        step = length - 1
        counts = np.maximum(-(-(self.lengths - 1) // step), 1)
        row = np.repeat(np.arange(len(self)), counts)
        # 0 is the latest window of a row.
        back = np.repeat(np.cumsum(counts), counts) - 1 - np.arange(len(row))
        ends = self.offsets[1:][row] - back * step
        starts = np.maximum(ends - length, self.offsets[:-1][row])
        return self._cut(starts, ends - starts)

    def pad_left(
        self,
        rows: Sequence[int] | np.ndarray | None = None,
        length: int | None = None,
    ) -> np.ndarray:
        """Makes a dense array, padded with 0 on the left.

        Args:
          rows: Which rows, in which order; all of them if `None`.
          length: Number of columns; the longest of these rows if `None`. A
            row that is longer keeps its last (most recent) values.

        Returns:
          `[rows, length]` of the values' dtype.
        """
        rows = np.arange(len(self)) if rows is None else np.asarray(rows)
        rows = rows.astype(np.int64)
        lengths = self.lengths[rows]
        if length is None:
            length = int(lengths.max(initial=0))
        lengths = np.minimum(lengths, length)
        padded = np.zeros((len(rows), length), self.values.dtype)
        # The filled cells of row i are the last `lengths[i]` columns.
        filled = np.arange(length) >= length - lengths[:, None]
        index = _ranges(self.offsets[1:][rows] - lengths, lengths)
        padded[filled] = self.values[index]
        return padded


def offsets_of(lengths: np.ndarray) -> np.ndarray:
    """`[rows]` lengths to `[rows + 1]` int64 offsets."""
    offsets = np.zeros(len(lengths) + 1, np.int64)
    np.cumsum(lengths, out=offsets[1:])
    return offsets


def _ranges(starts: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """`start, start + 1, ...` for each pair, joined."""
    before = offsets_of(lengths)
    return np.repeat(starts - before[:-1], lengths) + np.arange(before[-1])
