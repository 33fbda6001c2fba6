"""Files and folders that appear whole or not at all."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path

from tfxdr.errors import InputError

_LOCK = ".lock"
_FULL = (errno.ENOSPC, errno.EDQUOT)
_TAKEN = (errno.ENOTEMPTY, errno.EEXIST)


@contextlib.contextmanager
def written_aside(
    folder: Path, flag: str = "--cache_dir", *, first: bool = False
) -> Iterator[Path]:
    """Gives a temporary sibling that becomes `folder` when the block ends.

    It is synced to the disk and renamed; if the block fails or is
    interrupted, nothing stays behind. What a killed process left is removed
    by the next one. If another process finished `folder` first, its result
    stays and this one is dropped.

    Args:
      folder: what appears.
      flag: the option that chose its place, for the message.
      first: refuse to come second, where results differ.

    Raises:
      InputError: The folder cannot be written, the disk is full, or another
        process was first.
    """
    temporary = folder.parent / f".{folder.name}.{uuid.uuid4().hex}.tmp"
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        _remove_leftovers(folder)
        temporary.mkdir()
        with _locked(temporary):
            yield temporary
            _sync(temporary)
            if not _rename(temporary, folder) and first:
                raise InputError(
                    f"{folder} was made by another process meanwhile; this "
                    "one was dropped: run it again"
                )
    except OSError as error:
        raise explain(error, folder.parent, flag) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


@contextlib.contextmanager
def made_aside(path: Path, flag: str) -> Iterator[Path]:
    """Gives a temporary folder beside a file, in which the file is made.

    The one that is called like it there takes its place when the block ends;
    see `written_aside`.

    Args:
      path: the file that appears, instead of what was there.
      flag: the option that chose its place, for the message.

    Raises:
      InputError: The place cannot be written, or the disk is full.
    """
    temporary = path.parent / f".{path.name}.{uuid.uuid4().hex}.tmp"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        _remove_leftovers(path)
        temporary.mkdir()
        with _locked(temporary):
            yield temporary
            _sync(temporary)
            os.replace(temporary / path.name, path)
            _sync_folder(path.parent)
    except OSError as error:
        raise explain(error, path.parent, flag) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def write_text(path: Path, text: str, flag: str = "--run") -> None:
    """Writes a file aside, syncs it and moves it to its place.

    Raises:
      InputError: The place cannot be written, or the disk is full.
    """
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex}.tmp")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with open(temporary, "w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except OSError as error:
        raise explain(error, path.parent, flag) from error
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)


def write_json(path: Path, value: object) -> None:
    """Writes indented JSON; see `write_text`."""
    write_text(path, json.dumps(value, indent=2) + "\n")


def read_json(path: Path) -> dict:
    """Reads a JSON file.

    Raises:
      InputError: It is missing or is not JSON; names line and column.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}") from error
    except json.JSONDecodeError as error:
        raise InputError(
            f"{path}, line {error.lineno}, column {error.colno}: expected "
            f"JSON ({error.msg})"
        ) from error


def explain(error: OSError, place: Path, flag: str) -> InputError:
    """What an operating system's error means for who chose the place."""
    if error.errno in _FULL:
        return InputError(
            f"the disk of {place} is full. Free some space, or choose "
            f"another disk by {flag}; nothing half-written was left behind"
        )
    return InputError(
        f"{place} cannot be written: {error.strerror or error}. Choose a "
        f"folder that can by {flag}"
    )


@contextlib.contextmanager
def _locked(temporary: Path) -> Iterator[None]:
    """Held as long as this process lives, so that others can tell."""
    with open(temporary / _LOCK, "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _remove_leftovers(folder: Path) -> None:
    for leftover in folder.parent.glob(f".{folder.name}.*.tmp"):
        # Without a lock file it was made this very moment: leave it alone.
        with contextlib.suppress(OSError), open(leftover / _LOCK, "r+") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(leftover, ignore_errors=True)


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
