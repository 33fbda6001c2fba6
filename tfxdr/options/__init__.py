"""All options: declared once, read from flags or set by name.

`settings` has what a declaration is, `groups` all of them, `options` their
values, `flags` what absl makes of a command line, `help` what is printed.
"""

from __future__ import annotations

from typing import Any

from tfxdr.options.options import Options

__all__ = ["Options", "parse"]


def __getattr__(name: str) -> Any:
    # Importing `flags` defines them in absl's FLAGS, where a program of one's
    # own may have others of these names: only a command line asks for that.
    if name == "parse":
        from tfxdr.options.flags import parse

        return parse
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
