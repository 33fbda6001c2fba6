"""What `--help` and its like print."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import Any

from absl import flags

import tfxdr
from tfxdr.options.flags import load_plugins
from tfxdr.options.groups import GROUPS
from tfxdr.options.settings import Setting, settings_of

_WIDTH = 80
_COLUMN = 27
# The options that come first: what is learned from what, how long, and where.
_FIRST = (
    "mode",
    "dataset",
    "split",
    "backbone",
    "policy",
    "epochs",
    "learning_rate",
    "seed",
    "run",
    "resume",
)
_EXAMPLES = """\
  python -m tfxdr.main --preset=demo
  python -m tfxdr.main --backbone=sasrec --policy=all
  python -m tfxdr.main --policy=zero,cls,last-1,all --top_n=5,20
  python -m tfxdr.main --preset=demo --seed=1
  python -m tfxdr.main --mode=list
  python -m tfxdr.main --mode=list events"""


def requested_help(argv: Sequence[str]) -> str | None:
    """What `--help`, `--helpshort`, `--helpfull` or `--version` asks for.

    Raises:
      InputError: A plugin's file does not exist (`--helpfull`).
    """
    for word in argv[1:]:
        name = word.lstrip("-")
        if word == "--":
            return None
        if not word.startswith("-"):
            continue
        if name == "version":
            return f"tfxdr {tfxdr.__version__}"
        if name == "helpfull":
            load_plugins(argv)
            return help_text(full=True)
        if name in ("h", "help", "helpshort"):
            return help_text()
    return None


def help_text(*, full: bool = False) -> str:
    """The options by group, 80 columns wide.

    Args:
      full: Whether the flags of absl and of loaded plugins follow.
    """
    parts = [
        f"tfxdr {tfxdr.__version__}: cross-domain recommendation in TensorFlow"
        f"\n\n{_EXAMPLES}\n\n"
        "Every option stands with its default; these matter most.\n\n"
        + "\n".join(_first_lines())
        + "\n\nAll of them, by group:"
    ]
    for group in GROUPS.values():
        lines = [f"{group.__name__}: {str(group.__doc__).rstrip('.')}"]
        defaults = group()
        for name, declared in settings_of(group).items():
            lines += _help_lines(name, declared, getattr(defaults, name))
        parts.append("\n".join(lines))
    if full:
        ours = {
            name for group in GROUPS.values() for name in settings_of(group)
        }
        lines = ["Other flags"]
        for name in sorted(set(flags.FLAGS) - ours):
            flag = flags.FLAGS[name]
            lines += _wrap(f"--{name}", flag.help or "-")
        parts.append("\n".join(lines))
    else:
        parts.append("--helpfull adds the flags of absl, such as --verbosity.")
    return "\n\n".join(parts)


def _first_lines() -> list[str]:
    known = {
        name: (declared, getattr(group(), name))
        for group in GROUPS.values()
        for name, declared in settings_of(group).items()
    }
    lines = []
    for name in _FIRST:
        lines += _help_lines(name, *known[name])
    return lines


def _help_lines(name: str, declared: Setting, default: Any) -> list[str]:
    if declared.type is bool:
        flag = f"--[no]{name}"
        return _wrap(flag, f"{declared.help} Default: {str(default).lower()}.")
    text = "..." if default in ("", ()) else declared.format(default)
    choices = f" One of {', '.join(declared.choices)}."
    return _wrap(
        f"--{name}={text}",
        declared.help + (choices if declared.choices else ""),
    )


def _wrap(flag: str, text: str) -> list[str]:
    indent = " " * (_COLUMN + 2)
    lines = textwrap.wrap(text, _WIDTH - len(indent), break_on_hyphens=False)
    body = [indent + line for line in lines]
    if len(flag) > _COLUMN - 2:
        return [f"  {flag}", *body]
    return [f"  {flag}".ljust(len(indent)) + lines[0], *body[1:]]
