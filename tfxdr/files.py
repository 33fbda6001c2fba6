"""Files and folders that appear whole or not at all."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import glob
import json
import os
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from tfxdr.errors import InputError
from tfxdr.folders import folder_of

_LOCK = ".lock"
_FULL = (errno.ENOSPC, errno.EDQUOT)
_TAKEN = (errno.ENOTEMPTY, errno.EEXIST)
_NO_SPACE = "No space left"  # of what libraries raise instead of an OSError
_PATTERN = frozenset("*?[]{}\\")  # what TensorFlow searches files by
_PLACES = ("/tmp", "/var/tmp", "/dev/shm")


@contextlib.contextmanager
def written_aside(
    folder: Path, flag: str = "--cache_dir", *, first: bool = False
) -> Iterator[Path]:
    """Gives a temporary sibling that becomes `folder` when the block ends.

    It is synced to the disk and renamed; if the block fails or is
    interrupted, nothing stays behind, nor do folders above it that were made
    for it. What a killed process left is removed by the next one. If another
    process finished `folder` first, its result stays and this one is dropped.

    Args:
      folder: what appears.
      flag: the option that chose its place, for the message.
      first: refuse to come second, where results differ.

    Raises:
      InputError: The folder cannot be written, the disk is full, or another
        process was first.
    """
    with _folder_beside(folder, flag) as temporary:
        yield temporary
        _sync(temporary)
        if not _rename(temporary, folder) and first:
            raise InputError(
                f"{folder} was made by another process meanwhile; this one "
                "was dropped: run it again"
            )


@contextlib.contextmanager
def made_aside(path: Path, flag: str, beside: str = "") -> Iterator[Path]:
    """Gives a temporary folder beside a file, in which the file is made.

    The one that is called like it there takes its place when the block ends;
    see `written_aside`.

    Args:
      path: the file that appears, instead of what was there.
      flag: the option that chose its place, for the message.
      beside: a folder that may be made there, too: its files appear in the one
        of that name beside the file.

    Raises:
      InputError: The place cannot be written, or the disk is full.
    """
    with _folder_beside(path, flag) as temporary:
        yield temporary
        _sync(temporary)
        if beside and (temporary / beside).is_dir():
            place = path.parent / beside
            place.mkdir(exist_ok=True)
            for made in (temporary / beside).iterdir():
                os.replace(made, place / made.name)
        os.replace(temporary / path.name, path)
        _sync_folder(path.parent)


@contextlib.contextmanager
def parts_beside(path: Path, request: dict, flag: str) -> Iterator[Path]:
    """Gives a folder beside a file for its parts, which outlives a kill.

    What is in it of an earlier process is kept, if that was asked the same.
    The folder is gone when the block ends or fails; it stays where the process
    is killed or interrupted, for the next one to go on.

    Args:
      path: the file that is made of the parts.
      request: all that the parts depend on.
      flag: the option that chose its place, for the message.

    Raises:
      InputError: The place cannot be written, the disk is full, or another
        process is at it.
    """
    folder = path.with_name(f".{path.name}.parts")
    with _explained(path, flag), folder_of(folder):
        folder.mkdir(exist_ok=True)
        with _alone(folder, path, flag):
            _forget_others(folder, request)
            try:
                yield folder
            except Exception:
                shutil.rmtree(folder, ignore_errors=True)
                raise
            shutil.rmtree(folder)


@contextlib.contextmanager
def _alone(folder: Path, path: Path, flag: str) -> Iterator[None]:
    with open(folder / _LOCK, "w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise InputError(
                f"{flag}={path}: another process is writing it; wait for it, "
                "or choose another name"
            ) from error
        yield


def _forget_others(folder: Path, request: dict) -> None:
    """Removes parts of another request."""
    asked, text = folder / "request.json", json.dumps(request, sort_keys=True)
    if asked.exists() and asked.read_text(encoding="utf-8") == text:
        return
    for leftover in folder.iterdir():
        if leftover.is_dir():
            shutil.rmtree(leftover)
        elif leftover.name != _LOCK:
            leftover.unlink()
    write_text(asked, text)


@contextlib.contextmanager
def _folder_beside(target: Path, flag: str) -> Iterator[Path]:
    """A temporary sibling that is locked in the block, and gone behind it."""
    temporary = _beside(target)
    with _explained(target, flag), folder_of(target):
        try:
            _remove_leftovers(target)
            temporary.mkdir()
            with _locked(temporary):
                yield temporary
        finally:
            shutil.rmtree(temporary, ignore_errors=True)


@contextlib.contextmanager
def file_aside(path: Path, flag: str = "--run") -> Iterator[BinaryIO]:
    """Gives an open temporary sibling that becomes `path` when the block ends.

    It is synced to the disk and takes the place of what was there; if the
    block fails or is interrupted, that stays, and nothing else. What a killed
    process left is removed by the next one that writes the same file.

    Args:
      path: what appears.
      flag: the option that chose its place, for the message.

    Yields:
      A file to write bytes to.

    Raises:
      InputError: The place cannot be written, or the disk is full.
    """
    temporary = _beside(path)
    with _explained(path, flag), folder_of(path):
        try:
            _remove_leftovers(path)
            with _opened(temporary) as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
                os.replace(temporary, path)
        finally:
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)


@contextlib.contextmanager
def _explained(place: Path, flag: str) -> Iterator[None]:
    """What the disk refuses in the block is an InputError."""
    try:
        yield
    except Exception as error:
        if not _is_of_the_disk(error):
            raise
        raise explain(error, place, flag) from error


def check_writable(folder: Path, flag: str) -> None:
    """Whether something could be written into a folder, were it there.

    It is tried where the folder would be made: permissions do not tell of a
    disk that is mounted to be read alone.

    Args:
      folder: that need not exist.
      flag: the option that chose it, for the message.

    Raises:
      InputError: It cannot.
    """
    with _explained(folder, flag):
        above = (folder, *folder.absolute().parents)
        with tempfile.TemporaryFile(dir=next(p for p in above if p.exists())):
            pass


@contextlib.contextmanager
def plain_path(folder: Path) -> Iterator[Path]:
    """Gives a path to a folder in which TensorFlow finds no pattern.

    It reads brackets, stars, question marks and backslashes in some of its
    paths as a search; a link in the temporary folder hides them.
    """
    if not _PATTERN & set(str(folder)):
        yield folder
        return
    plain = [
        place
        for place in (tempfile.gettempdir(), *_PLACES)
        if not _PATTERN & set(place) and os.access(place, os.W_OK)
    ]
    if not plain:
        raise InputError(
            f"{folder} has a name that TensorFlow takes for a pattern, and "
            "there is no temporary folder without brackets to link it from: "
            "set TMPDIR to one"
        )
    with tempfile.TemporaryDirectory(prefix="tfxdr-", dir=plain[0]) as place:
        link = Path(place) / "folder"
        link.symlink_to(folder.absolute(), target_is_directory=True)
        yield link


def write_text(path: Path, text: str, flag: str = "--run") -> None:
    """Writes a file of text; see `file_aside`."""
    with file_aside(path, flag) as file:
        file.write(text.encode("utf-8"))


def write_json(path: Path, value: object) -> None:
    """Writes indented JSON; see `write_text`."""
    write_text(path, json.dumps(value, indent=2) + "\n")


def read_json(path: Path) -> dict:
    """Reads a JSON file that holds an object.

    Raises:
      InputError: It is missing or is no such file; names line and column.
    """
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: expected UTF-8 text ({error})") from error
    except json.JSONDecodeError as error:
        raise InputError(
            f"{path}, line {error.lineno}, column {error.colno}: expected "
            f"JSON ({error.msg})"
        ) from error
    if not isinstance(found, dict):
        raise InputError(
            f"{path}: expected a JSON object, found {type(found).__name__}"
        )
    return found


def explain(error: Exception, place: Path, flag: str) -> InputError:
    """What an operating system's error means for who chose the place.

    DuckDB and TensorFlow hand on its text in errors of their own.
    """
    code = getattr(error, "errno", None)
    if code in _FULL or _NO_SPACE in str(error):
        return InputError(
            f"the disk of {place} is full; free some space, or choose "
            f"another disk by {flag}; nothing half-written was left behind"
        )
    reason = getattr(error, "strerror", None) or error
    return InputError(
        f"{place} cannot be written: {reason}; choose a folder that can by "
        f"{flag}"
    )


def _is_of_the_disk(error: Exception) -> bool:
    return isinstance(error, OSError) or _NO_SPACE in str(error)


def _beside(path: Path) -> Path:
    """A hidden name that no other process chooses; see `_remove_leftovers`."""
    return path.with_name(f".{path.name}.{uuid.uuid4().hex}.tmp")


@contextlib.contextmanager
def _opened(temporary: Path) -> Iterator[BinaryIO]:
    """A new file, locked as long as this process lives."""
    while True:
        with open(temporary, "wb") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            # Another process may have taken it for a leftover before the lock.
            if temporary.exists():
                yield file
                return


@contextlib.contextmanager
def _locked(temporary: Path) -> Iterator[None]:
    """Held as long as this process lives, so that others can tell."""
    with open(temporary / _LOCK, "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _remove_leftovers(path: Path) -> None:
    """What stands beside `path` under a name of `_beside`, and is unlocked."""
    for leftover in path.parent.glob(f".{glob.escape(path.name)}.*.tmp"):
        is_folder = leftover.is_dir()
        lock_file = leftover / _LOCK if is_folder else leftover
        # A folder without a lock was made this very moment: leave it alone.
        with contextlib.suppress(OSError), open(lock_file, "r+") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if is_folder:
                shutil.rmtree(leftover, ignore_errors=True)
            else:
                leftover.unlink()


def _sync(folder: Path) -> None:
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            with open(path, "rb") as file:
                os.fsync(file.fileno())
    _sync_folder(folder)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _rename(temporary: Path, folder: Path) -> bool:
    """Whether it was there first."""
    (temporary / _LOCK).unlink()
    try:
        os.rename(temporary, folder)
    except OSError as error:
        if error.errno not in _TAKEN:
            raise
        return False
    _sync_folder(folder.parent)
    return True
