"""Which files a plugin's code is, and a hash of them.

A module in a package is as good as the package; a single file is itself with
what it imports from beside it. Both are read off the files, so that the same
code has the same hash whoever imported it, and when.
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
    path = pathlib.Path(getattr(sys.modules.get(module), "__file__", "") or "")
    if module.partition(".")[0] in OWN or not path.is_file():
        return ""
    path = path.resolve()
    folder = (_package_of(path) or path).parent
    digest = hashlib.sha256()
    for file in files_of(path):
        content = file.read_bytes()
        name = file.relative_to(folder).as_posix()
        digest.update(f"{name} {len(content)}\n".encode() + content)
    return digest.hexdigest()[:16]


def files_of(path: pathlib.Path) -> list[pathlib.Path]:
    """A file, and the others that are one piece of code with it, sorted."""
    package = _package_of(path)
    if package is not None:
        # Editors leave links to nothing there.
        return sorted(f for f in package.rglob("*.py") if f.is_file())
    found: set[pathlib.Path] = set()
    todo = [path]
    while todo:
        file = todo.pop()
        if file not in found:
            found.add(file)
            todo += _imported_from_beside(file)
    return sorted(found)


def _package_of(path: pathlib.Path) -> pathlib.Path | None:
    """The folder of the outermost package that a file is in."""
    package, folder = None, path.parent
    while (folder / "__init__.py").is_file():
        package, folder = folder, folder.parent
    return package


def _imported_from_beside(path: pathlib.Path) -> list[pathlib.Path]:
    """Files beside a file, or in a folder there, that it imports anywhere."""
    if path.parent.name in _SHARED:
        return []
    try:
        tree = ast.parse(path.read_bytes())
    except (SyntaxError, ValueError):
        return []
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and not node.level:
            names.add(str(node.module).partition(".")[0])
    found: list[pathlib.Path] = []
    for name in names.difference(OWN):
        found += path.with_name(name).rglob("*.py")
        found.append(path.with_name(f"{name}.py"))
    return [file for file in found if file.is_file()]
