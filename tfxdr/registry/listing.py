"""What `--mode=list` prints: all components, or all about one."""

from __future__ import annotations

import difflib
import inspect
import re
import textwrap

from tfxdr.errors import InputError
from tfxdr.registry import origins
from tfxdr.registry.core import Registry
from tfxdr.registry.entry import Entry, Option, matches
from tfxdr.registry.kinds import ALL

_WIDTH = 80
_ARGUMENT = re.compile(r"  ([\w, *]+): (.*)")  # of a docstring's section Args
_HEADING = re.compile(r"[A-Z][a-z]+:")


def list_text() -> str:
    """Every component by kind, with its summary, options and origin."""
    parts = [_list_registry(known) for known in ALL if known.entries()]
    if origins.loaded_plugins:
        lines = [f"  {plugin}" for plugin in origins.loaded_plugins]
        parts.append("\n".join(["plugins", *lines]))
    parts.append(
        "All about one: --mode=list NAME\n"
        "More: --plugins=file.py or --plugins=package.module"
    )
    return "\n\n".join(parts)


def explain_text(name: str) -> str:
    """The components of a name, or of a kind, with what their options mean.

    Raises:
      InputError: There is none.
    """
    name = name.partition("(")[0]
    wanted = name.lower()
    parts = [_list_registry(k) for k in ALL if k.plural == wanted]
    parts += [
        _explain(known, entry)
        for known in ALL
        for entry in known.entries()
        if entry.name.lower() == wanted or matches(entry.name, name)
    ]
    if parts:
        return "\n\n".join(parts)
    names = {entry.name for known in ALL for entry in known.entries()}
    names |= {known.plural for known in ALL}
    close = difflib.get_close_matches(wanted, sorted(names), n=1)
    hint = f"did you mean {close[0]}?" if close else "--mode=list has them all"
    raise InputError(f"--mode=list: unknown component {name!r}; {hint}")


def _explain(known: Registry, entry: Entry) -> str:
    flag = f"--{known.flag}=" if known.flag else f"{known.kind} "
    origin = "" if entry.origin == "tfxdr" else f"  [{entry.origin}]"
    text, meanings = _documented(entry)
    lines = [
        f"{flag}{entry.name}{origin}",
        *textwrap.indent(text, "  ").split("\n"),
    ]
    options = known.options(entry)
    if not options:
        return "\n".join([*lines, "", "  It has no options."])
    required = getattr(entry.factory, "required", ())
    for option in options:
        must = option.required or option.name in required
        lines += ["", f"  {_default(option, must)}"]
        lines += textwrap.wrap(
            meanings.get(option.name, ""),
            _WIDTH,
            initial_indent=" " * 6,
            subsequent_indent=" " * 6,
            break_on_hyphens=False,
        )
    return "\n".join(lines)


def _default(option: Option, required: bool) -> str:
    if required:
        return f"{option.name} (required): {option.expected}"
    return f"{option}: {option.expected}"


def _documented(entry: Entry) -> tuple[str, dict[str, str]]:
    """What a component's docstring says of it, and of each argument.

    A class tells of its arguments itself or in `__init__`, and of those that
    it hands on in a base.
    """
    factory = entry.factory
    objects = (
        inspect.getmro(factory) if inspect.isclass(factory) else (factory,)
    )
    texts = []
    for one in objects:
        if one is not object:
            texts += [
                vars(one).get("__doc__"),
                getattr(one, "__init__", one).__doc__,
            ]
    meanings: dict[str, str] = {}
    for text in reversed([inspect.cleandoc(text) for text in texts if text]):
        meanings |= _arguments(text)
    about = inspect.cleandoc(texts[0] or "") if texts else ""
    return re.split(r"\n+(?=[A-Z][a-z]+:\n)", about)[0], meanings


def _arguments(docstring: str) -> dict[str, str]:
    """The section `Args` by name."""
    found: dict[str, str] = {}
    names: list[str] = []
    _, _, section = f"\n{docstring}\n".partition("\nArgs:\n")
    for line in section.split("\n"):
        if _HEADING.fullmatch(line):
            break
        argument = _ARGUMENT.fullmatch(line)
        if argument:
            names = [name.strip("* ") for name in argument[1].split(",")]
            found |= dict.fromkeys(names, argument[2])
        elif line.strip():
            found |= {n: f"{found[n]} {line.strip()}" for n in names}
    return found


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


def listing(name: str = "") -> dict[str, object]:
    """The same as values, for `--format=json`; of one name alone, if given.

    Raises:
      InputError: No component has that name.
    """
    if name:
        explain_text(name)  # refuses one that there is not
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
                if not name or matches(entry.name, name)
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
