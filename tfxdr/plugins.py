"""Loads components from outside the package; one that breaks stops no other.

A plugin is a module named by an entry point of the group `tfxdr.plugins`, or
a file or module given by `--plugins`. Importing it registers its components.
"""

from __future__ import annotations

import dataclasses
import importlib
import importlib.metadata
import importlib.util
import pathlib
import re
import sys
import textwrap
from collections.abc import Callable, Sequence

from tfxdr import origins, registry
from tfxdr.errors import InputError
from tfxdr.origins import LoadedPlugin

GROUP = "tfxdr.plugins"
_REGISTERED = re.compile(r"""\.register\(\s*["']([^"']+)["']""")


def load_plugins(specs: Sequence[str] = ()) -> tuple[LoadedPlugin, ...]:
    """Loads the installed plugins and the given ones, each once.

    Args:
      specs: Python files (`a.py`) or modules (`package.module`).

    Returns:
      Every plugin loaded so far in this process, the broken ones included:
      their error is kept for whoever asks for one of their components.

    Raises:
      InputError: A given file does not exist.
    """
    known = {(plugin.name, plugin.origin) for plugin in origins.loaded_plugins}
    for point in importlib.metadata.entry_points(group=GROUP):
        origin = (
            f"distribution {point.dist.name}" if point.dist else point.value
        )
        if (point.name, origin) not in known:
            _load(point.name, origin, point.load, point.module)
    for spec in specs:
        name, origin = _identity(spec)
        if (name, origin) not in known:
            _load(name, origin, _importer(spec), spec)
    return tuple(origins.loaded_plugins)


def _identity(spec: str) -> tuple[str, str]:
    if not spec.endswith(".py"):
        return spec, "--plugins"
    path = pathlib.Path(spec).expanduser()
    if not path.is_file():
        raise InputError(f"--plugins: no such file: {spec}")
    return path.stem, str(path.resolve())


def _importer(spec: str) -> Callable[[], object]:
    if spec.endswith(".py"):
        return lambda: _import_file(pathlib.Path(spec).expanduser().resolve())
    return lambda: importlib.import_module(spec)


def _import_file(path: pathlib.Path) -> object:
    # The prefix keeps a plugin called json.py from hiding another module.
    name = f"tfxdr_plugin_{path.stem}"
    if name in sys.modules:
        name += f"_{len(sys.modules)}"
    found = importlib.util.spec_from_file_location(name, path)
    if found is None or found.loader is None:
        raise ImportError(f"{path} is no Python file")
    module = importlib.util.module_from_spec(found)
    sys.modules[name] = module
    try:
        found.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def _load(
    name: str, origin: str, load: Callable[[], object], source: str
) -> None:
    plugin = LoadedPlugin(name, origin)
    try:
        with registry.loading(plugin.label):
            load()
    # A plugin may fail by anything, sys.exit() included; it is reported.
    except (Exception, SystemExit) as failure:  # noqa: BLE001
        declared = tuple(sorted({name, *_declared_names(source)}))
        plugin = dataclasses.replace(plugin, names=declared, error=failure)
    else:
        plugin = dataclasses.replace(plugin, names=_names_of(plugin.label))
    origins.loaded_plugins.append(plugin)


def _names_of(origin: str) -> tuple[str, ...]:
    """What a plugin has registered, sorted."""
    return tuple(
        sorted(
            entry.name
            for known in registry.ALL
            for entry in known.entries()
            if entry.origin == origin
        )
    )


def _declared_names(source: str) -> set[str]:
    """The names that a file or module registers, without running it."""
    text = ""
    for path in _candidate_files(source):
        if path.is_file():
            text = path.read_text(encoding="utf-8", errors="replace")
    return set(_REGISTERED.findall(text))


def _candidate_files(source: str) -> list[pathlib.Path]:
    if source.endswith(".py"):
        return [pathlib.Path(source).expanduser()]
    top, *rest = source.split(".")
    # Only the top package is looked up: for more its code would have to run.
    try:
        found = importlib.util.find_spec(top)
    except (ImportError, ValueError):
        return []
    if found is None or not found.origin:
        return []
    if not rest:
        return [pathlib.Path(found.origin)]
    inside = pathlib.Path(found.origin).parent.joinpath(*rest)
    return [inside.with_suffix(".py"), inside / "__init__.py"]


def list_text() -> str:
    """Every component by kind, with its summary, options and origin."""
    parts = [_list_registry(known) for known in registry.ALL if known.entries()]
    if origins.loaded_plugins:
        lines = [f"  {plugin}" for plugin in origins.loaded_plugins]
        parts.append("\n".join(["plugins", *lines]))
    parts.append("More: --plugins=file.py or --plugins=package.module")
    return "\n\n".join(parts)


def _list_registry(known: registry.Registry) -> str:
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
