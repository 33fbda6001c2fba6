"""Loads components from outside the package; one that breaks stops no other.

A plugin is a module named by an entry point of the group `tfxdr.plugins`, or
a file or module given by `--plugins`. Importing it registers its components.
"""

from __future__ import annotations

import contextlib
import dataclasses
import importlib
import importlib.metadata
import importlib.util
import pathlib
import re
import sys
import traceback
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from tfxdr.errors import InputError
from tfxdr.registry import origins
from tfxdr.registry.entry import Entry
from tfxdr.registry.kinds import ALL
from tfxdr.registry.origins import LoadedPlugin
from tfxdr.registry.plugin_code import file_of, files_of, imported_from_beside
from tfxdr.start_up import start_tensorflow

GROUP = "tfxdr.plugins"
# The registry, if it is named there, and the component's name.
_REGISTERED = re.compile(r"""(\w*)\.register\(\s*["']([^"']+)["']""")


@dataclasses.dataclass(frozen=True)
class _Candidate:
    """What may become a plugin: a module, or a file as a module."""

    name: str
    origin: str
    module: str
    load: Callable[[], Any]
    path: pathlib.Path | None = None
    given: bool = False

    @property
    def own(self) -> bool:
        """Whether it comes along with tfxdr."""
        return self.origin == f"distribution {origins.OWN}"

    @property
    def file(self) -> pathlib.Path | None:
        """What importing it runs."""
        return self.path or _file_of_module(self.module)

    @property
    def files(self) -> list[pathlib.Path]:
        """All files of its code."""
        return files_of(self.file) if self.file else []


def load_plugins(specs: Sequence[str] = ()) -> tuple[LoadedPlugin, ...]:
    """Loads the installed plugins and the given ones, each once.

    tfxdr's own come first, then others by the name of their distribution, then
    those that were given. A file that stands there twice, by another name, or
    that is the script that runs, is one plugin.

    Args:
      specs: Python files (`a.py`) or modules (`package.module`).

    Returns:
      Every plugin loaded so far in this process, the broken ones included:
      their error is kept for whoever asks for one of their components.

    Raises:
      InputError: A given file does not exist.
    """
    for spec in specs:
        _check_file(spec)
    for candidate in _installed():
        _load_once(candidate)
    for spec in specs:
        _load_once(_given(spec))
    return tuple(origins.loaded_plugins)


def _installed() -> list[_Candidate]:
    points = importlib.metadata.entry_points(group=GROUP)
    found = [
        _Candidate(
            point.name,
            f"distribution {point.dist.name}" if point.dist else point.value,
            point.value.partition(":")[0].strip(),
            point.load,
        )
        for point in points
    ]
    return sorted(found, key=lambda c: (not c.own, c.origin, c.name))


def _check_file(spec: str) -> None:
    path = absolute(spec)
    if path.endswith(".py") and not pathlib.Path(path).is_file():
        raise InputError(
            f"--plugins: no such file: {path}; if a run's options.flags has "
            "it, and it has moved, give its new place by --plugins"
        )


def _given(spec: str) -> _Candidate:
    place = absolute(spec)
    if not place.endswith(".py"):
        return _Candidate(
            spec, "--plugins", spec, lambda: _import_module(spec), given=True
        )
    path = pathlib.Path(place)
    module = _imported_as(path)
    return _Candidate(
        path.stem,
        place,
        module,
        lambda: module or _import_file(path),
        path,
        given=True,
    )


def absolute(spec: str) -> str:
    """A file as an absolute path, also of a module in the current folder;
    another module as it is."""
    if not spec.endswith(".py"):
        here = pathlib.Path(f"{spec}.py")
        if "." in spec or not here.is_file():
            return spec
        return str(here.resolve())
    return str(pathlib.Path(spec).expanduser().resolve())


def _imported_as(path: pathlib.Path) -> str:
    """The module that a file is imported as already; "" if it is not."""
    for name, module in tuple(sys.modules.items()):
        file = getattr(module, "__file__", None) or ""
        if file.endswith(path.name) and pathlib.Path(file).resolve() == path:
            return name
    return ""


def _load_once(candidate: _Candidate) -> None:
    script = origins.main_script()
    if script is not None and candidate.file == script:
        _list_script(script)
    elif not _is_known(candidate):
        _load(candidate)


def _is_known(candidate: _Candidate) -> bool:
    file = candidate.file
    return any(
        (plugin.name, plugin.origin) == (candidate.name, candidate.origin)
        or (file is not None and plugin.file == file)
        for plugin in origins.loaded_plugins
    )


def _list_script(script: pathlib.Path) -> None:
    """Lists the script that runs among the plugins; it is loaded already."""
    plugin = LoadedPlugin(script.stem, str(script), file=script)
    if any(known.file == script for known in origins.loaded_plugins):
        return
    names = _names_of(plugin.label, [script])
    origins.loaded_plugins.append(dataclasses.replace(plugin, names=names))


def of_this_session() -> list[str]:
    """Components that were registered before, or beside, any plugin."""
    labels = {plugin.label for plugin in origins.loaded_plugins}
    return [
        f"{known.kind} {entry.name}"
        for known in ALL
        for entry in known.entries()
        if entry.origin not in (origins.OWN, *labels)
    ]


def _import_module(name: str) -> object:
    # As `python -m` does; a console script leaves the current folder out.
    _add_to_path(pathlib.Path.cwd())
    return importlib.import_module(name)


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
    _add_to_path(path.parent)  # for the files beside it
    try:
        found.loader.exec_module(module)
        _check_imports(path)
    except BaseException:
        del sys.modules[name]
        raise
    return module


def _check_imports(path: pathlib.Path) -> None:
    """Refuses a file that was given other modules than those beside it."""
    for name, beside in imported_from_beside(path).items():
        got = file_of(name)
        if got is not None and got not in (beside, beside / "__init__.py"):
            raise ImportError(
                f"it imports {name}, which is {got} here and not {beside}: "
                "give the file beside it another name"
            )


def _add_to_path(folder: pathlib.Path) -> None:
    # Last, so that a plugin's files hide no installed module.
    if str(folder) not in sys.path:
        sys.path.append(str(folder))


def _load(candidate: _Candidate) -> None:
    plugin = LoadedPlugin(
        candidate.name,
        candidate.origin,
        file=candidate.file,
        given=candidate.given,
    )
    try:
        if not candidate.own:
            start_tensorflow()  # quietly; a plugin would import it loudly
        with _loading(plugin.label):
            candidate.load()
    # A plugin may fail by anything, sys.exit() included; it is reported.
    except (Exception, SystemExit) as failure:  # noqa: BLE001
        plugin = dataclasses.replace(
            plugin,
            names=(("", candidate.name), *_declared_names(candidate)),
            error=failure,
            place=_place_of(failure, candidate.files),
        )
    else:
        _adopt(candidate.module, plugin.label)
        names = _names_of(plugin.label, candidate.files)
        plugin = dataclasses.replace(plugin, names=names)
    origins.loaded_plugins.append(plugin)


def _adopt(module: str, origin: str) -> None:
    """Gives components to a plugin whose module was imported before it."""

    def adopted(entry: Entry) -> Entry:
        inside = f"{entry.origin}.".startswith(f"{module}.")
        return dataclasses.replace(entry, origin=origin) if inside else entry

    if module:
        for known in ALL:
            known.revise(adopted)


@contextlib.contextmanager
def _loading(origin: str) -> Iterator[None]:
    """Marks what is registered inside as coming from a plugin.

    When the block fails, the names of modules whose import failed are taken
    back; those of modules that it imported whole stay.
    """
    origins.loading.append(origin)
    try:
        yield
    except BaseException:
        for known in ALL:
            known.revise(lambda e: e if e.module in sys.modules else None)
        raise
    finally:
        origins.loading.pop()


def _place_of(failure: BaseException, files: Sequence[pathlib.Path]) -> str:
    """The last line of a plugin's files on the way to a failure."""
    if isinstance(failure, InputError):
        return ""  # says what is wrong where
    own = set(map(str, files))
    lines = [
        f"{frame.filename}, line {frame.lineno}"
        for frame in traceback.extract_tb(failure.__traceback__)
        if frame.filename in own
    ]
    return lines[-1] if lines else ""


def _names_of(
    origin: str, files: Sequence[pathlib.Path]
) -> tuple[tuple[str, str], ...]:
    """What a plugin, or a file of it, has registered, sorted."""
    own = set(map(str, files))
    return tuple(
        sorted(
            (known.attribute, entry.name)
            for known in ALL
            for entry in known.entries()
            if entry.origin == origin or entry.place.rpartition(":")[0] in own
        )
    )


def _declared_names(candidate: _Candidate) -> list[tuple[str, str]]:
    """What a plugin registers, read without running it."""
    kinds = {known.attribute for known in ALL}
    found = set()
    for path in candidate.files:
        text = path.read_text(encoding="utf-8", errors="replace")
        for kind, name in _REGISTERED.findall(text):
            found.add((kind if kind in kinds else "", name))
    return sorted(found)


def _file_of_module(name: str) -> pathlib.Path | None:
    """Of a module, or of a package's `__init__`, without importing it."""
    top, *rest = name.split(".")
    # Only the top package is looked up: for more its code would have to run.
    try:
        found = importlib.util.find_spec(top)
    except (ImportError, ValueError):
        return None
    if found is None:
        return None
    if not rest and found.origin:
        places = [pathlib.Path(found.origin)]
    else:
        folders = found.submodule_search_locations or ()
        inside = [pathlib.Path(folder).joinpath(*rest) for folder in folders]
        places = [path.with_suffix(".py") for path in inside if rest]
        places += [path / "__init__.py" for path in inside]
    return next((path.resolve() for path in places if path.is_file()), None)
