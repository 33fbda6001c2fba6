"""Which files a plugin's code is, and a hash of them.

A module in a package is as good as the package; a single file is itself with
what it imports from beside it. Both are read off the files, so that the same
code has the same hash however it was loaded.
"""

from __future__ import annotations

import ast
import functools
import hashlib
import pathlib
import sys

# tfxdr, and the pack of plugins that comes along with it.
OWN = ("tfxdr", "tfxdr_addons")
_SHARED = ("site-packages", "dist-packages")  # many distributions side by side


@functools.cache
def code_of(module: str) -> str:
    """A hash of the code of a module that is loaded.

    "" for tfxdr's own, and for what no file holds: a shell, a notebook.
    """
    path = file_of(module)
    if module.partition(".")[0] in OWN or path is None:
        return ""
    root = _package_of(path) or path
    digest = hashlib.sha256()
    for file in files_of(path):
        content = file.read_bytes()
        name = file.relative_to(root.parent).as_posix()
        digest.update(f"{name} {len(content)}\n".encode() + content)
    return digest.hexdigest()[:16]


def file_of(module: str) -> pathlib.Path | None:
    """The file of a loaded module; none if it has none."""
    path = getattr(sys.modules.get(module), "__file__", None)
    if not path or not pathlib.Path(path).is_file():
        return None
    return pathlib.Path(path).resolve()


def files_of(path: pathlib.Path) -> list[pathlib.Path]:
    """A file, and the others that are one piece of code with it, sorted."""
    package = _package_of(path)
    if package is not None:
        return _below(package)
    found = {path}
    todo = [path]
    while todo:
        for beside in imported_from_beside(todo.pop()).values():
            new = set(_below(beside)) - found
            found |= new
            todo += new
    return sorted(found)


def imported_from_beside(path: pathlib.Path) -> dict[str, pathlib.Path]:
    """Names of modules that a file imports, with the file or folder beside it
    that holds the module, where there is one."""
    folder = path.parent
    if folder.name in _SHARED:
        return {}
    found = {}
    for name in _imported(path) - set(OWN):
        for beside in (folder / name, folder / f"{name}.py"):
            if _below(beside):
                found[name] = beside
                break
    return found


def _imported(path: pathlib.Path) -> set[str]:
    """Top names of what a file imports, anywhere in it."""
    try:
        tree = ast.parse(path.read_bytes())
    except (SyntaxError, ValueError):
        return set()
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            names.add(node.module or "")
    return {name.partition(".")[0] for name in names} - {""}


def _package_of(path: pathlib.Path) -> pathlib.Path | None:
    """The folder of the outermost package that a file is in."""
    package, folder = None, path.parent
    while (folder / "__init__.py").is_file():
        package, folder = folder, folder.parent
    return package


def _below(path: pathlib.Path) -> list[pathlib.Path]:
    """A Python file, or those in a folder; none if there is nothing."""
    found = path.rglob("*.py") if path.is_dir() else [path]
    return sorted(file for file in found if file.is_file())
