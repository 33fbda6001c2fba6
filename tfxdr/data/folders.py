"""Folders that appear whole or not at all."""

from __future__ import annotations

import contextlib
import errno
import fcntl
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
def written_aside(folder: Path) -> Iterator[Path]:
    """Gives a temporary sibling that becomes `folder` when the block ends.

    It is synced to the disk and renamed; if the block fails or is
    interrupted, nothing stays behind. What a killed process left is removed
    by the next one. If another process finished `folder` first, its result
    stays and this one is dropped.

    Raises:
      InputError: The folder cannot be written, or the disk is full.
    """
    temporary = folder.parent / f".{folder.name}.{uuid.uuid4().hex}.tmp"
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        _remove_leftovers(folder)
        temporary.mkdir()
        with _locked(temporary):
            yield temporary
            _sync(temporary)
            _rename(temporary, folder)
    except OSError as error:
        raise explain(error, folder.parent) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def explain(error: OSError, folder: Path) -> InputError:
    """What an operating system's error means for who chose `folder`."""
    if error.errno in _FULL:
        return InputError(
            f"the disk of {folder} is full. Free some space, or choose "
            "another disk by --cache_dir; nothing was left behind"
        )
    return InputError(
        f"{folder} cannot be written: {error.strerror or error}. Choose a "
        "folder that can by --cache_dir"
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
    for path in sorted(folder.iterdir()):
        with open(path, "rb") as file:
            os.fsync(file.fileno())
    _sync_folder(folder)


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _rename(temporary: Path, folder: Path) -> None:
    (temporary / _LOCK).unlink()
    try:
        os.rename(temporary, folder)
    except OSError as error:
        if error.errno not in _TAKEN:
            raise
        return
    _sync_folder(folder.parent)
