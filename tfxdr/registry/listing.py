"""What `--mode=list` prints."""

from __future__ import annotations

import textwrap

from tfxdr.registry import origins
from tfxdr.registry.core import Registry
from tfxdr.registry.entry import Option
from tfxdr.registry.kinds import ALL


def list_text() -> str:
    """Every component by kind, with its summary, options and origin."""
    parts = [_list_registry(known) for known in ALL if known.entries()]
    if origins.loaded_plugins:
        lines = [f"  {plugin}" for plugin in origins.loaded_plugins]
        parts.append("\n".join(["plugins", *lines]))
    parts.append("More: --plugins=file.py or --plugins=package.module")
    return "\n\n".join(parts)


def _list_registry(known: Registry) -> str:
    flag = f"  --{known.flag}=" if known.flag else ""
    lines = [known.plural + flag]
    for entry in known.entries():
        origin = "" if entry.origin == "tfxdr" else f"  [{entry.origin}]"
        lines.append(f"  {entry.name:<17} {entry.summary}{origin}")
        options = ", ".join(map(str, known.options(entry)))
        if options:
            lines += textwrap.wrap(
                f"({options})",
                80,
                initial_indent=" " * 20,
                subsequent_indent=" " * 21,
            )
    return "\n".join(lines)


def listing() -> dict[str, object]:
    """The same as values, for `--format=json`."""
    kinds = {
        known.plural: {
            "flag": known.flag,
            "components": [
                {
                    "name": entry.name,
                    "summary": entry.summary,
                    "origin": entry.origin,
                    "options": [_described(o) for o in known.options(entry)],
                }
                for entry in known.entries()
            ],
        }
        for known in ALL
    }
    return {"kinds": kinds, "plugins": [*map(str, origins.loaded_plugins)]}


def _described(option: Option) -> dict[str, object]:
    default = {} if option.required else {"default": option.default}
    return {
        "name": option.name,
        "expected": option.expected,
        "required": option.required,
    } | default
