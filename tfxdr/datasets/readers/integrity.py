"""Reads input files whole before they are used: content hash, gzip check."""

from __future__ import annotations

import dataclasses
import gzip
import hashlib
import zlib
from pathlib import Path
from typing import BinaryIO, cast

from tfxdr.datasets.readers.files import compression
from tfxdr.errors import InputError

_CHUNK = 1 << 20


@dataclasses.dataclass(frozen=True)
class InputFile:
    """An input file as it is written into the manifest."""

    name: str
    bytes: int
    sha256: str


class _Hashing:
    """A file that hashes what is read from it, front to back."""

    def __init__(self, file: BinaryIO):
        self._file = file
        self.sha256 = hashlib.sha256()
        self.length = 0

    def read(self, size: int = -1) -> bytes:
        data = self._file.read(size)
        self.sha256.update(data)
        self.length += len(data)
        return data


def check_file(path: Path) -> InputFile:
    """Reads a file to its end.

    A gzip is decompressed: length and checksum must be right, because a
    truncated one can otherwise pass for a shorter file.

    Raises:
      InputError: The file is empty, not readable, or no whole gzip.
    """
    try:
        with open(path, "rb") as file:
            hashing = _Hashing(file)
            if compression(path) == "gzip":
                _check_gzip(path, hashing)
            while hashing.read(_CHUNK):
                pass
    except OSError as error:
        raise InputError(
            f"{path} is not readable: {error.strerror or error}"
        ) from error
    if not hashing.length:
        raise InputError(f"{path} is empty")
    return InputFile(path.name, hashing.length, hashing.sha256.hexdigest())


def _check_gzip(path: Path, file: _Hashing) -> None:
    try:
        readable = cast(BinaryIO, file)
        with gzip.GzipFile(fileobj=readable, mode="rb") as decompressed:
            while decompressed.read(_CHUNK):
                pass
    except (EOFError, gzip.BadGzipFile, zlib.error) as error:
        raise InputError(
            f"{path} is not a whole gzip file ({error}): it is truncated or "
            "damaged; download or copy it again"
        ) from error
