"""Flagfiles that come with tfxdr, by name: `--preset=demo`."""

from __future__ import annotations

import importlib.resources
from collections.abc import Sequence
from pathlib import Path

from tfxdr.errors import InputError

_FLAG = "--preset"


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
    return sorted(
        path.relative_to(_folder()).with_suffix("").as_posix()
        for path in _folder().rglob("*.flags")
    )


def _file(name: str) -> Path:
    if name not in names():
        raise InputError(
            f"{_FLAG}: expected one of {', '.join(names())}, found {name!r}"
        )
    return _folder() / f"{name}.flags"


def _folder() -> Path:
    """Beside the code, as any file of a package that pip unpacked."""
    return Path(str(importlib.resources.files("tfxdr"))) / "presets"
