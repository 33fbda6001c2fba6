"""Loads components from outside the package; one that breaks stops no other.

A plugin is a module named by an entry point of the group `tfxdr.plugins`, or
a file or module given by `--plugins`. Importing it registers its components.
"""

from __future__ import annotations

import dataclasses
import functools
import importlib
import importlib.metadata
import importlib.util
import pathlib
import re
import sys
import traceback
import types
from collections.abc import Callable, Sequence

import tfxdr
from tfxdr.errors import InputError
from tfxdr.registry import origins
from tfxdr.registry.entry import Entry
from tfxdr.registry.kinds import ALL
from tfxdr.registry.origins import OWN, LoadedPlugin
from tfxdr.registry.plugin_code import files_of
from tfxdr.start_up import start_tensorflow

GROUP = "tfxdr.plugins"
_OWN_PACK = f"distribution {OWN}"
_REGISTERED = re.compile(r"""\.register\(\s*["']([^"']+)["']""")


def load_plugins(specs: Sequence[str] = ()) -> tuple[LoadedPlugin, ...]:
    """Loads the installed plugins and the given ones, each once.

    tfxdr's own come first, then others by the name of their distribution, then
    those that were given.

    Args:
      specs: Python files (`a.py`) or modules (`package.module`).

    Returns:
      Every plugin loaded so far in this process, the broken ones included:
      their error is kept for whoever asks for one of their components.

    Raises:
      InputError: A given file does not exist.
    """
    given = [absolute(spec) for spec in specs]
    for origin, name, point in _installed():
        _load(name, origin, functools.partial(_import_point, point))
    for spec in given:
        if spec.endswith(".py"):
            path = pathlib.Path(spec)
            _load(path.stem, spec, functools.partial(_import_file, path))
        else:
            _load(spec, "--plugins", functools.partial(_import_module, spec))
    return tuple(origins.loaded_plugins)


def absolute(spec: str) -> str:
    """A file as an absolute path, also of a module in the current folder;
    another module as it is.

    Raises:
      InputError: The file does not exist.
    """
    path = pathlib.Path(spec).expanduser()
    if not spec.endswith(".py"):
        path = pathlib.Path(f"{spec}.py")
        if "." in spec or not path.is_file():
            return spec
    path = path.resolve()
    if not path.is_file():
        raise InputError(
            f"--plugins: expected a Python file, found no such file: {path}; "
            "if a run's options.flags has it, and it has moved, give its new "
            "place by --plugins"
        )
    return str(path)


def _installed() -> list[tuple[str, str, importlib.metadata.EntryPoint]]:
    """Entry points behind their origin and name, tfxdr's own first."""
    found = [
        (f"distribution {p.dist.name}" if p.dist else p.value, p.name, p)
        for p in importlib.metadata.entry_points(group=GROUP)
    ]
    return sorted(found, key=lambda p: (p[0] != _OWN_PACK, p[0], p[1]))


def _load(
    name: str, origin: str, import_it: Callable[[], types.ModuleType]
) -> None:
    plugin = LoadedPlugin(name, origin)
    if any(known.label == plugin.label for known in origins.loaded_plugins):
        return
    if origin != _OWN_PACK:
        _register_own()
    origins.loading.append(plugin.label)
    try:
        plugin = _sound(plugin, import_it().__name__)
    # A plugin may fail by anything, sys.exit() included; it is reported.
    except (Exception, SystemExit) as failure:  # noqa: BLE001
        plugin = _broken(plugin, failure)
    finally:
        origins.loading.pop()
    origins.loaded_plugins.append(plugin)


def _register_own() -> None:
    """Registers tfxdr's own components, so that no plugin gets their names."""
    start_tensorflow()  # quietly; a component would import it loudly
    for known in ALL:
        getattr(tfxdr, known.attribute)


def _import_point(point: importlib.metadata.EntryPoint) -> types.ModuleType:
    point.load()
    return sys.modules[point.module]


def _import_module(name: str) -> types.ModuleType:
    # As `python -m` does; a console script leaves the current folder out.
    _add_to_path(pathlib.Path.cwd())
    return importlib.import_module(name)


def _import_file(path: pathlib.Path) -> types.ModuleType:
    """The module of a file, which may be imported under any name already."""
    for module in tuple(sys.modules.values()):
        file = getattr(module, "__file__", None) or ""
        if file.endswith(path.name) and pathlib.Path(file).resolve() == path:
            return module
    # The prefix keeps a plugin called json.py from hiding another module.
    name = f"tfxdr_plugin_{path.stem}"
    if name in sys.modules:
        name += f"_{len(sys.modules)}"
    found = importlib.util.spec_from_file_location(name, path)
    if found is None or found.loader is None:
        raise ImportError(f"{path} is no Python file")
    module = importlib.util.module_from_spec(found)
    sys.modules[name] = module
    _add_to_path(path.parent)  # for the files beside it
    try:
        found.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def _add_to_path(folder: pathlib.Path) -> None:
    # Last, so that a plugin's files hide no installed module.
    if str(folder) not in sys.path:
        sys.path.append(str(folder))


def _sound(plugin: LoadedPlugin, module: str) -> LoadedPlugin:
    """A plugin with what it has registered.

    What its module registered when it was imported before becomes its own.
    """

    def adopted(entry: Entry) -> Entry:
        if not _inside(module, entry.origin):
            return entry
        return dataclasses.replace(entry, origin=plugin.label)

    names = []
    for known in ALL:
        known.revise(adopted)
        for entry in known.entries():
            if entry.origin == plugin.label or _inside(module, entry.module):
                names.append(entry.name)
    return dataclasses.replace(plugin, names=tuple(sorted(names)))


def _inside(package: str, module: str) -> bool:
    return f"{module}.".startswith(f"{package}.")


def _broken(plugin: LoadedPlugin, failure: BaseException) -> LoadedPlugin:
    """A plugin with what it would have registered, which is taken back.

    The names of modules that it imported whole stay.
    """
    for known in ALL:
        known.revise(lambda e: e if e.module in sys.modules else None)
    lines = _lines_on_the_way(failure)
    own = files_of(lines[0][0]) if lines else []
    names = {plugin.name}
    for file in own:
        text = file.read_text(encoding="utf-8", errors="replace")
        names.update(_REGISTERED.findall(text))
    places = [f"{path}, line {line}" for path, line in lines if path in own]
    return dataclasses.replace(
        plugin,
        names=tuple(sorted(names)),
        error=failure,
        place=places[-1] if places else "",
    )


def _lines_on_the_way(
    failure: BaseException,
) -> list[tuple[pathlib.Path, int | None]]:
    """The lines that led to a failure, from the plugin's first one on."""
    frames = traceback.extract_tb(failure.__traceback__)
    lines = [(frame.filename, frame.lineno) for frame in frames]
    if isinstance(failure, SyntaxError):
        lines.append((failure.filename or "", failure.lineno))
    importers = (__file__, importlib.__file__, importlib.metadata.__file__)
    return [
        (pathlib.Path(name).resolve(), line)
        for name, line in lines
        if name not in importers and pathlib.Path(name).is_file()
    ]
