"""Writing files and folders that are whole or not there."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import tensorflow as tf

from tfxdr.errors import InputError


@contextlib.contextmanager
def whole_folder(final: Path) -> Iterator[Path]:
    """Gives a temporary folder that becomes `final` if nothing fails.

    Raises:
      InputError: if the place cannot be written or the disk is full.
    """
    partial = final.with_name(f".{final.name}.{os.getpid()}.partial")
    with writing(final):
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        try:
            yield partial
            _sync(partial)
            _replace(partial, final)
        finally:
            shutil.rmtree(partial, ignore_errors=True)


def write_text(path: Path, text: str) -> None:
    """Writes a file aside and moves it to its place.

    Raises:
      InputError: if the place cannot be written or the disk is full.
    """
    partial = path.with_name(f".{path.name}.{os.getpid()}.partial")
    with writing(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with partial.open("w", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            partial.replace(path)
        finally:
            partial.unlink(missing_ok=True)


def write_json(path: Path, value: object) -> None:
    """Writes indented JSON; see `write_text`."""
    write_text(path, json.dumps(value, indent=2) + "\n")


def read_json(path: Path) -> dict:
    """Reads a JSON file.

    Raises:
      InputError: if it is missing or is not JSON.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise InputError(f"{path} is missing") from error
    except json.JSONDecodeError as error:
        raise InputError(
            f"{path}, line {error.lineno}, column {error.colno}: not JSON "
            f"({error.msg})"
        ) from error


@contextlib.contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turns what a file system refuses into an error that says what to do."""
    try:
        yield
    except OSError as error:
        raise InputError(_advice(path, error)) from error
    except (tf.errors.OpError, UnicodeError) as error:
        if "No space left" in str(error):
            raise InputError(_full(path)) from error
        raise


def _advice(path: Path, error: OSError) -> str:
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return _full(path)
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return (
            f"cannot write {path}: {error.strerror}; choose a folder that "
            "you may write with --run, --runs_dir or --cache_dir"
        )
    return f"cannot write {path}: {error.strerror or error}"


def _full(path: Path) -> str:
    return (
        f"cannot write {path}: the disk is full; free some space or choose "
        "another with --runs_dir and --cache_dir, then go on with --resume"
    )


def _sync(folder: Path) -> None:
    for path in folder.rglob("*"):
        if path.is_file():
            with path.open("rb") as file:
                os.fsync(file.fileno())


def _replace(partial: Path, final: Path) -> None:
    """Renames; a folder that stands there already gives way first."""
    if final.exists():
        old = final.with_name(f".{final.name}.{os.getpid()}.old")
        final.replace(old)
        partial.replace(final)
        shutil.rmtree(old)
    else:
        partial.replace(final)
