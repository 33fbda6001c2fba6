"""Folders that what is written needs: when they are made, and when not."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from pathlib import Path

from tfxdr.errors import InputError

# Those that are not made again, by what the system knows each one by.
_staying: dict[Path, tuple[int, int]] = {}


@contextlib.contextmanager
def staying(folder: Path) -> Iterator[None]:
    """In the block, a folder that somebody removes is not made again.

    Whatever would be written into it here is refused from then on.

    Args:
      folder: that is there.
    """
    place = folder.absolute()
    _staying[place] = _identity(place)
    try:
        yield
    finally:
        del _staying[place]


def check_stays(path: Path) -> None:
    """Refuses what would make a removed folder again; see `staying`.

    Args:
      path: what is about to be written.

    Raises:
      InputError: a folder above it is gone, or is another one by now.
    """
    for above in path.absolute().parents:
        known = _staying.get(above)
        if known and (not above.is_dir() or _identity(above) != known):
            raise InputError(
                f"{above} was removed or moved while it was worked in: "
                f"{path.name} is not written; start again, and delete what is "
                "left there"
            )


@contextlib.contextmanager
def folder_of(path: Path) -> Iterator[None]:
    """Makes the folder of what is written; it goes again if nothing is.

    Args:
      path: of what is written in the block.

    Raises:
      InputError: as `check_stays`.
    """
    check_stays(path)
    above = (path.parent, *path.parent.parents)
    made = [folder for folder in above if not folder.exists()]
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        yield
    except BaseException:
        leave_if_empty(made)
        raise


def leave_if_empty(folders: Iterable[Path]) -> None:
    """Removes folders, the innermost first, up to one that holds something."""
    with contextlib.suppress(OSError):
        for folder in folders:
            folder.rmdir()


def _identity(folder: Path) -> tuple[int, int]:
    found = folder.stat()
    return found.st_dev, found.st_ino
