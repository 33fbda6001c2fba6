"""Flagfiles that come with tfxdr, by name: `--preset=demo`."""

from __future__ import annotations

import importlib.resources
from collections.abc import Sequence
from pathlib import Path

from tfxdr.errors import InputError, did_you_mean

_FLAG = "--preset"
_PARTS = "shared"  # a folder of what flagfiles are made of


def expanded(argv: Sequence[str]) -> list[str]:
    """A command line in which each preset is the flagfile that it stands for.

    Args:
      argv: as `sys.argv`.

    Raises:
      InputError: there is no such preset.
    """
    words = iter(argv)
    found: list[str] = []
    for word in words:
        name, equals, value = word.partition("=")
        if name not in (_FLAG, _FLAG[1:]):
            found.append(word)
            continue
        found.append(
            f"--flagfile={_file(value if equals else next(words, ''))}"
        )
    return found


def names() -> list[str]:
    """All presets, such as `demo` and `anchors/sasrec`."""
    every = (path.relative_to(_folder()) for path in _folder().rglob("*.flags"))
    return sorted(
        path.with_suffix("").as_posix()
        for path in every
        if path.parts[0] != _PARTS
    )


def _file(name: str) -> Path:
    known = names()
    if name not in known:
        plain = [one for one in known if "/" not in one]
        folders = sorted({one.partition("/")[0] for one in known} - {*plain})
        raise InputError(
            f"{_FLAG}: expected one of {', '.join(plain)}, or one below "
            f"{', '.join(folders)}, such as "
            f"{next(one for one in known if '/' in one)}, found {name!r}"
            + did_you_mean(name, known)
        )
    return _folder() / f"{name}.flags"


def _folder() -> Path:
    """Beside the code, as any file of a package that pip unpacked."""
    return Path(str(importlib.resources.files("tfxdr"))) / "presets"
