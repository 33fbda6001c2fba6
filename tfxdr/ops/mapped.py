"""Arrays that lie in a file, which the system reads and writes as it needs.

The file has no name: it is gone with the array, or with the process, however
that ends. What is made of a mapped array is mapped beside it.
"""

from __future__ import annotations

import math
import os
import tempfile
from collections.abc import Iterator, Sequence
from typing import BinaryIO, TypeGuard

import numpy as np

from tfxdr.errors import InputError

PART = 1 << 20  # values that are worked on at a time
SMALLEST = 1 << 22  # bytes: what is smaller is held


class Column:
    """Grows by arrays of one dtype, held or in a file.

    Args:
      dtype: of the values.
      folder: of the file; none to hold them.
    """

    def __init__(
        self, dtype: np.typing.DTypeLike, folder: str | None = None
    ) -> None:
        self._dtype = np.dtype(dtype)
        self._folder = folder
        self._parts: list[np.ndarray] = []
        self._file = None if folder is None else _unnamed(folder, 0)

    def append(self, values: np.ndarray) -> None:
        """Adds `[n]` values.

        Raises:
          InputError: there is no room for them.
        """
        values = np.ascontiguousarray(values, self._dtype)
        if self._file is None:
            self._parts.append(values)
            return
        try:
            self._file.write(values.data)
        except OSError as error:
            raise _refused(str(self._folder), values.nbytes, error) from error

    def joined(self) -> np.ndarray:
        """All values; nothing can be added to them any more."""
        if self._file is None or not self._file.tell():
            empty = np.zeros(0, self._dtype)
            return np.concatenate([empty, *self._parts])
        length = self._file.tell() // self._dtype.itemsize
        with self._file as file:
            return _map(file, (length,), self._dtype, str(self._folder))


def beside(
    values: np.ndarray, length: int, dtype: np.typing.DTypeLike
) -> np.ndarray:
    """`[length]` of anything: mapped where `values` are, unless it is small.

    Raises:
      InputError: there is no room for it.
    """
    size = int(length) * np.dtype(dtype).itemsize
    if not is_mapped(values) or size < max(SMALLEST, 1):
        return np.empty(length, dtype)
    return zeros(folder_of(values), [int(length)], dtype)


def zeros(
    folder: str, shape: Sequence[int], dtype: np.typing.DTypeLike
) -> np.memmap:
    """A mapped array of zeros.

    Raises:
      InputError: there is no room for it.
    """
    size = math.prod(shape) * np.dtype(dtype).itemsize
    with _unnamed(folder, size) as file:
        return _map(file, tuple(shape), dtype, folder)


def is_mapped(values: np.ndarray) -> TypeGuard[np.memmap]:
    """Whether an array lies in a file."""
    return isinstance(values, np.memmap)


def folder_of(values: np.memmap) -> str:
    """Where the file of a mapped array lies."""
    return os.path.dirname(str(values.filename))


def parts(length: int) -> Iterator[slice]:
    """All places of an array, some at a time."""
    for start in range(0, length, PART):
        yield slice(start, min(start + PART, length))


def row_parts(offsets: np.ndarray) -> Iterator[slice]:
    """All rows, so many at a time as hold few values; one at least.

    Args:
      offsets: `[rows + 1]`, where each one's values begin.
    """
    start, rows = 0, len(offsets) - 1
    while start < rows:
        most = offsets[start] + PART
        stop = int(np.searchsorted(offsets, most, side="right")) - 1
        stop = max(stop, start + 1)
        yield slice(start, stop)
        start = stop


def count(values: np.ndarray, size: int) -> np.ndarray:
    """How often each of `size` numbers stands in `[n]` values, `[size]`."""
    counts = np.zeros(size, np.int64)
    for part in parts(len(values)):
        counts += np.bincount(values[part], minlength=size)
    return counts


def _map(
    file: BinaryIO,
    shape: tuple[int, ...],
    dtype: np.typing.DTypeLike,
    folder: str,
) -> np.memmap:
    file.flush()
    array = np.memmap(file, dtype, "r+", shape=shape)
    # NumPy keeps the name for us, and hands it on to views: here it has none.
    array.filename = os.path.join(folder, "mapped")
    return array


def _unnamed(folder: str, size: int) -> BinaryIO:
    """A file with room for so many bytes: later, a full disk would kill."""
    try:
        file = tempfile.TemporaryFile(dir=folder)  # noqa: SIM115
        if size and hasattr(os, "posix_fallocate"):
            os.posix_fallocate(file.fileno(), 0, size)
    except OSError as error:
        raise _refused(folder, size, error) from error
    return file


def _refused(folder: str, size: int, error: OSError) -> InputError:
    return InputError(
        f"--in_memory: {folder} has no room to map {size / 1e6:,.0f} MB "
        f"({error.strerror}); free some space, choose another disk by "
        "--cache_dir, or hold the data by --in_memory=true"
    )
