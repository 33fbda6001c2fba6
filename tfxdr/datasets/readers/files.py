"""What a file is, by its content, and its text as a plain UTF-8 file."""

from __future__ import annotations

import bz2
import codecs
import contextlib
import gzip
import io
import lzma
import shutil
import tempfile
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO, cast

import duckdb

from tfxdr.errors import InputError

_CHUNK = 1 << 20
_HEAD = 4096
_PARQUET = (".parquet", ".pq")

# How a compressed file begins.
_COMPRESSED = (
    (b"\x1f\x8b", "gzip"),
    (b"BZh", "bzip2"),
    (b"\xfd7zXZ\x00", "xz"),
    (b"\x28\xb5\x2f\xfd", "zstd"),
    (b"PK\x03\x04", "zip"),
)
# What is no table of text, and what it is to become.
_FOREIGN = (
    (b"ARROW1", "an Arrow file"),
    (b"ORC", "an ORC file"),
    (b"Obj\x01", "an Avro file"),
    (b"\x89HDF", "an HDF5 file"),
    (b"%PDF", "a PDF"),
    (b"\xd0\xcf\x11\xe0", "an Excel workbook"),
    (b"7z\xbc\xaf", "a 7z archive"),
    (b"Rar!", "a RAR archive"),
)
_BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_UTF8 = ("utf-8", "utf-8-sig", "ascii")
_DAMAGED = (
    EOFError,
    gzip.BadGzipFile,
    zlib.error,
    lzma.LZMAError,
    zipfile.BadZipFile,
)


def compression(path: Path) -> str:
    """`gzip`, `bzip2`, `xz`, `zstd`, `zip`, or "" if it is none of these."""
    head = _head(path)
    for magic, name in _COMPRESSED:
        if head.startswith(magic):
            return name
    return "gzip" if path.suffix.lower() == ".gz" else ""


def is_parquet(path: Path) -> bool:
    """Whether a file says that it is Parquet, by content or by name."""
    return _head(path).startswith(b"PAR1") or path.suffix.lower() in _PARQUET


def database_kind(path: Path) -> str:
    """`duckdb`, `sqlite`, or "" if a file is no database."""
    head = _head(path)
    if head[8:12] == b"DUCK":
        return "duckdb"
    return "sqlite" if head.startswith(b"SQLite format 3\x00") else ""


def _head(path: Path) -> bytes:
    try:
        with open(path, "rb") as file:
            return file.read(_HEAD)
    except OSError as error:
        raise InputError(
            f"{path} is not readable: {error.strerror or error}"
        ) from error


def open_bytes(path: Path) -> BinaryIO:
    """Opens a file, decompressed.

    Raises:
      InputError: It is of a kind that holds no text.
    """
    kind = compression(path)
    if kind == "gzip":
        return cast(BinaryIO, gzip.open(path))
    if kind == "bzip2":
        return cast(BinaryIO, bz2.open(path))
    if kind == "xz":
        return cast(BinaryIO, lzma.open(path))
    if kind == "zip":
        return _open_zip(path)
    if kind == "zstd":
        return _open_zstd(path)
    _check_known(path)
    return open(path, "rb")


def _check_known(path: Path) -> None:
    head = _head(path)
    known = [what for magic, what in _FOREIGN if head.startswith(magic)]
    if head[257:262] == b"ustar":
        known.append("a tar archive")
    if database_kind(path):
        known.append("a database; name its table by database=FILE")
    if known:
        raise InputError(
            f"{path} is {known[0]}; expected CSV, JSON lines or Parquet: save "
            "it as one of these"
        )


def _open_zip(path: Path) -> BinaryIO:
    """The one file of a zip."""
    with _whole(path, "zip"):
        archive = zipfile.ZipFile(path)
    names = [
        name
        for name in archive.namelist()
        if not name.endswith("/") and not name.startswith("__MACOSX/")
    ]
    if "[Content_Types].xml" in names:
        raise InputError(
            f"{path} is an Excel workbook; expected CSV, JSON lines or "
            "Parquet: save it as CSV"
        )
    if len(names) != 1:
        listed = ", ".join(names[:10]) or "none"
        raise InputError(
            f"{path}: expected a zip of one file, found {len(names)}: "
            f"{listed}; unpack it, and name the file that is meant"
        )
    if archive.getinfo(names[0]).flag_bits & 1:
        raise InputError(f"{path}: the zip has a password; unpack it")
    return cast(BinaryIO, archive.open(names[0]))


def _open_zstd(path: Path) -> BinaryIO:
    try:
        import zstandard
    except ImportError as error:
        raise InputError(
            f"{path} is compressed by zstd, which needs the package "
            "zstandard: pip install 'tfxdr[zstd]', or decompress it"
        ) from error
    decompressed = _Zstd(open(path, "rb"), zstandard.ZstdDecompressor())
    return cast(BinaryIO, io.BufferedReader(decompressed, _CHUNK))


class _Zstd(io.RawIOBase):
    """Frames of zstd; the package's own reader takes half a file for whole."""

    def __init__(self, file: BinaryIO, decompressor: Any):
        self._file = file
        self._decompressor = decompressor
        self._frame: Any = None
        self._left = b""

    def readable(self) -> bool:
        return True

    def close(self) -> None:
        self._file.close()
        super().close()

    def readinto(self, buffer: Any) -> int:
        while not self._left:
            data = self._file.read(_CHUNK >> 3)
            if not data:
                if self._frame is not None:
                    raise EOFError("it ends inside a frame")
                return 0
            self._left = self._decompress(data)
        size = min(len(buffer), len(self._left))
        buffer[:size], self._left = self._left[:size], self._left[size:]
        return size

    def _decompress(self, data: bytes) -> bytes:
        parts = []
        while data:
            if self._frame is None:
                self._frame = self._decompressor.decompressobj()
            parts.append(self._frame.decompress(data))
            data = self._frame.unused_data
            if self._frame.eof:
                self._frame = None
        return b"".join(parts)


@contextlib.contextmanager
def _whole(path: Path, kind: str) -> Iterator[None]:
    """Damage while a compressed file is read, as the user should read it."""
    try:
        yield
    except _DAMAGED as error:
        raise _damaged(path, kind, error) from error
    except OSError as error:
        # Of bzip2; one with a number is the disk's.
        if error.errno is not None:
            raise
        raise _damaged(path, kind, error) from error
    except Exception as error:
        if type(error).__name__ != "ZstdError":
            raise
        raise _damaged(path, kind, error) from error


def _damaged(path: Path, kind: str, error: Exception) -> InputError:
    return InputError(
        f"{path} is not a whole {kind} file ({error}): it is truncated or "
        "damaged; download or copy it again"
    )


def encoding_of(path: Path) -> str:
    """What a text's first bytes say: `utf-8`, `utf-16`, `utf-32`, …"""
    with open_bytes(path) as file, _whole(path, compression(path)):
        head = file.read(_HEAD)
    for mark, encoding in _BYTE_ORDER_MARKS:
        if head.startswith(mark):
            return encoding
    # UTF-16 without a mark: every other byte of plain letters is zero.
    zeros = [head[start::2].count(0) * 4 > len(head) for start in (0, 1)]
    if len(head) > 1 and zeros[0] != zeros[1]:
        return "utf-16-be" if zeros[0] else "utf-16-le"
    return "utf-8"


def is_utf8(path: Path) -> bool:
    """Whether all of a text is UTF-8; ASCII is."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    with open_bytes(path) as file, _whole(path, compression(path)):
        try:
            while chunk := file.read(_CHUNK):
                decoder.decode(chunk)
            decoder.decode(b"", final=True)
        except UnicodeDecodeError:
            return False
    return True


def check_encoding(encoding: str, option: str) -> str:
    """The encoding's name as Python has it; "" stays.

    Raises:
      InputError: There is none of this name.
    """
    try:
        return codecs.lookup(encoding).name if encoding else ""
    except LookupError as error:
        raise InputError(
            f"--dataset=events({option}=...): expected the name of an "
            "encoding, as utf-8, latin-1, cp1252 or utf-16, found "
            f"{encoding!r}"
        ) from error


def open_text(path: Path, encoding: str = "") -> io.TextIOWrapper:
    """Opens a text, plain or compressed, line ends untouched.

    Bytes that are no text in `encoding` (by default what `encoding_of` says)
    read as U+FFFD.
    """
    return io.TextIOWrapper(
        open_bytes(path),
        encoding=_marked(encoding or encoding_of(path)),
        errors="replace",
        newline="",
    )


def _marked(encoding: str) -> str:
    """The encoding that takes a byte order mark for no text."""
    return "utf-8-sig" if encoding in _UTF8 else encoding


@contextlib.contextmanager
def plain_text(
    path: Path, encoding: str, connection: duckdb.DuckDBPyConnection
) -> Iterator[Path]:
    """A UTF-8 file that is not compressed: the file itself, or a copy of it.

    A copy lies beside the database's own files while the block runs.

    Args:
      encoding: What it is written in; "" for what `encoding_of` says.

    Raises:
      InputError: It is damaged, or no text in this encoding.
    """
    kind = compression(path)
    encoding = encoding or encoding_of(path)
    if not kind and encoding in _UTF8:
        _check_known(path)
        yield path
        return
    with tempfile.TemporaryDirectory(
        prefix="tfxdr-text-", dir=scratch_folder(connection)
    ) as folder:
        copy = Path(folder) / "text"
        with open_bytes(path) as file, open(copy, "wb") as out:
            with _whole(path, kind):
                if encoding in _UTF8:
                    shutil.copyfileobj(file, out, _CHUNK)
                else:
                    _recode(path, file, out, encoding)
        yield copy


def _recode(path: Path, file: BinaryIO, out: BinaryIO, encoding: str) -> None:
    decoder = codecs.getincrementaldecoder(encoding)()
    line = 1
    try:
        while chunk := file.read(_CHUNK):
            text = decoder.decode(chunk)
            out.write(text.encode())
            line += text.count("\n")
        out.write(decoder.decode(b"", final=True).encode())
    except UnicodeError as error:
        raise InputError(
            f"{path}, behind line {line}: the text is not {encoding} "
            f"({error}); say which by --dataset=events(encoding=NAME)"
        ) from error


def scratch_folder(connection: duckdb.DuckDBPyConnection) -> Path | None:
    """Where a database in a file lies; None of one in memory."""
    row = connection.execute(
        "SELECT path FROM duckdb_databases() "
        "WHERE database_name = current_database()"
    ).fetchone()
    return Path(row[0]).parent if row and row[0] else None
