"""What holds for the package as a whole: its imports, sizes and names."""

from __future__ import annotations

import ast
import functools
import importlib
import importlib.metadata
import os
import pathlib
import re
import subprocess
import sys
from collections.abc import Iterator

import pytest

import tfxdr
from tfxdr import registry

_ROOT = pathlib.Path(__file__).parent.parent
_PACKAGE = _ROOT / "tfxdr"
_MODULES = sorted(_PACKAGE.rglob("*.py"))
_SOURCES = sorted(
    path
    for folder in ("tfxdr", "tfxdr_addons", "tests", "plugins", "benchmarks")
    for path in (_ROOT / folder).rglob("*.py")
)

# A part is a folder, or the modules at the root. It imports from lower levels
# and from itself.
_ROOT_MODULES = ("errors", "files", "folders", "start_up", "types")
_LEVELS = (
    ("root",),
    ("registry", "ops"),
    ("options", "layers", "datasets", "evaluation", "losses", "optimizers"),
    ("policies", "backbones", "tuners", "data", "report"),
    ("policy_networks", "meta_learners"),
    ("models",),
    ("training", "serving"),
    ("experiments", "testing"),
    ("modes",),
    ("main",),
)
_LEVEL_OF = {
    part: level for level, parts in enumerate(_LEVELS) for part in parts
}
# Folders whose files are components of one kind, and know `base` alone,
# and what reads files.
_COMPONENT_FOLDERS = (
    "backbones",
    "datasets",
    "losses",
    "meta_learners",
    "optimizers",
    "policies",
    "tuners",
)
_STANDARD_LIBRARY_ONLY = ("errors", "files", "registry")


def _name(path: pathlib.Path) -> str:
    return path.relative_to(_ROOT).as_posix()


@functools.cache  # of every file once: the rules below all ask
def _tree(path: pathlib.Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


@functools.cache
def _imports(path: pathlib.Path) -> list[tuple[int, str]]:
    """Line and dotted name of everything a file imports, at any depth."""
    return list(_find_imports(path))


def _find_imports(path: pathlib.Path) -> Iterator[tuple[int, str]]:
    package = path.relative_to(_ROOT).parent.as_posix().split("/")
    for node in ast.walk(_tree(path)):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node.lineno, alias.name
        elif isinstance(node, ast.ImportFrom):
            parents = package[: len(package) - node.level + 1]
            prefix = ".".join(parents if node.level else [])
            module = ".".join(filter(None, [prefix, node.module]))
            for alias in node.names:
                yield node.lineno, f"{module}.{alias.name}"


def _own(path: pathlib.Path) -> Iterator[tuple[int, list[str]]]:
    """Line and path inside the package of a file's imports from it."""
    for line, name in _imports(path):
        parts = name.split(".")
        if parts[0] == "tfxdr" and len(parts) > 1:
            yield line, parts[1:]


def _top(path: pathlib.Path) -> str:
    return path.relative_to(_PACKAGE).parts[0].removesuffix(".py")


def _part(path: pathlib.Path) -> str:
    return _part_named(_top(path))


def _part_named(name: str) -> str:
    return "root" if name in _ROOT_MODULES else name


class TestImports:
    """Each rule in one test, which names every import that breaks it."""

    def test_every_part_has_a_level(self):
        assert {_part(path) for path in _MODULES} - {"__init__"} == set(
            _LEVEL_OF
        ), "give it a level in this test, or take its level away"

    def test_run_one_way(self):
        assert not [
            f"{_name(path)}:{line} imports {name}"
            for path in _MODULES
            if (part := _part(path)) != "__init__"
            for line, (name, *_) in _own(path)
            if (other := _part_named(name)) in _LEVEL_OF and other != part
            if _LEVEL_OF[other] >= _LEVEL_OF[part]
        ]

    def test_components_do_not_know_each_other(self):
        assert not [
            f"{_name(path)}:{line} imports {'.'.join(rest)} beside it"
            for path in _MODULES
            if (folder := _part(path)) in _COMPONENT_FOLDERS
            if path.name != "__init__.py"
            for line, (other, *rest) in _own(path)
            if other == folder and rest[0] not in ("base", "readers")
        ]

    def test_only_the_command_line_knows_flags(self):
        assert not [
            f"{_name(path)}:{line} imports {name}"
            for path in _MODULES
            if _part(path) not in ("options", "main")
            for line, name in _imports(path)
            if name.startswith(("absl.flags", "absl.app"))
        ]

    def test_keras_comes_from_tensorflow(self):
        assert not [
            f"{_name(path)}:{line} imports {name}"
            for path in _MODULES
            for line, name in _imports(path)
            if name.split(".")[0] in ("keras", "tf_keras", "pandas")
        ]

    def test_base_is_the_standard_library(self):
        assert not [
            f"{_name(path)}:{line} imports {name}"
            for path in _MODULES
            if _top(path) in _STANDARD_LIBRARY_ONLY
            for line, name in _imports(path)
            if name.split(".")[0] not in {*sys.stdlib_module_names, "tfxdr"}
        ]


def test_files_are_of_a_readable_size_and_name():
    lines = {
        _name(path): len(path.read_text(encoding="utf-8").splitlines())
        for path in _SOURCES
    }
    assert not {name: n for name, n in lines.items() if n > 400}
    assert not {path.name for path in _SOURCES} & {
        *("utils.py", "util.py", "helpers.py")
    }


def test_every_module_has_a_docstring():
    assert not [
        _name(path)
        for path in _MODULES
        if (tree := _tree(path)).body and not ast.get_docstring(tree)
    ]


def test_every_folder_is_a_package_and_so_installed():
    folders = {path.parent for path in _MODULES}
    assert not [
        _name(folder)
        for folder in folders
        if not (folder / "__init__.py").is_file()
    ]


@pytest.mark.parametrize("name", tfxdr.__all__)
def test_public_name_exists(name):
    assert getattr(tfxdr, name) is not None
    assert name in dir(tfxdr)


def test_unknown_public_name():
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        tfxdr.nonsense  # noqa: B018


@pytest.mark.parametrize(
    "kind",
    tfxdr.COMPONENTS,
)
def test_package_and_registry_of_one_name_register_alike(kind):
    package = importlib.import_module(f"tfxdr.{kind}")
    known = getattr(registry, kind)
    assert getattr(tfxdr, kind) is package
    assert package.register == known.register


def _message(node: ast.expr) -> str:
    """What is known of a text before it is made."""
    if isinstance(node, ast.Constant):
        return str(node.value)
    if isinstance(node, ast.JoinedStr):
        return "".join(map(_message, node.values))
    if isinstance(node, ast.BinOp):
        return _message(node.left) + _message(node.right)
    return "{}"


def test_errors_have_one_form():
    """One sentence: what was expected; what was found; what to do."""
    for path in _MODULES:
        for node in ast.walk(_tree(path)):
            name = getattr(getattr(node, "func", None), "id", "")
            if name == "InputError" and node.args:
                message = _message(node.args[0])
                assert not re.search(r"[a-z)]\. [A-Z]|\.$", message), (
                    f"{_name(path)}:{node.lineno}: {message}"
                )


def test_version_has_one_source():
    assert re.fullmatch(r"\d+\.\d+\.\d+", tfxdr.__version__)
    changelog = (_ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert f"## {tfxdr.__version__}" in changelog


def _python(*arguments: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=_ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        env={"PATH": "", "TF_CPP_MIN_LOG_LEVEL": "3"},
    )


def test_import_is_light():
    done = _python(
        "-c",
        "import sys, tfxdr, tfxdr.registry, tfxdr.options\n"
        "heavy = {'tensorflow', 'numpy', 'duckdb'} & set(sys.modules)\n"
        "assert not heavy, heavy",
    )
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("flag", "code", "said"),
    [
        ("--helpshort", 0, "--backbone=nextitnet"),
        ("--help", 0, "--backbone=nextitnet"),
        ("--version", 0, tfxdr.__version__),
        ("--polcy=all", 1, "error: unknown flag --polcy; did you mean"),
        ("--epochs=0", 1, "error: --epochs=0: expected an integer"),
    ],
)
def test_answers_without_tensorflow(flag, code, said):
    done = _python("-X", "importtime", "-m", "tfxdr.main", flag)
    lines = done.stderr.splitlines()
    spoken = [line for line in lines if not line.startswith("import time:")]
    assert done.returncode == code, spoken
    assert said in done.stdout + "\n".join(spoken)
    imported = {line.rpartition("|")[2].strip() for line in lines}
    assert not imported & {"tensorflow", "numpy", "duckdb", "matplotlib"}


def test_uses_keras_2_after_tensorflow_was_imported():
    done = _python(
        "-c",
        "import tensorflow, tfxdr\n"
        "from tensorflow import keras\n"
        "print(keras.layers.Layer.__module__)",
    )
    assert "engine.base_layer" in done.stdout, done.stderr


@pytest.mark.parametrize(
    ("version", "legacy"), [("2.15.0", None), ("3.12.4", "1"), (None, "1")]
)
def test_asks_for_legacy_keras_where_keras_is_another(
    monkeypatch, version, legacy
):
    def installed(name):
        if version is None:
            raise importlib.metadata.PackageNotFoundError(name)
        return version

    monkeypatch.setattr(importlib.metadata, "version", installed)
    monkeypatch.setenv("TF_USE_LEGACY_KERAS", "")  # put back afterwards
    monkeypatch.delenv("TF_USE_LEGACY_KERAS")
    tfxdr._choose_keras()
    assert os.environ.get("TF_USE_LEGACY_KERAS") == legacy


@pytest.mark.skipif(
    importlib.metadata.version("keras").startswith("2."),
    reason="this stack has Keras 2 alone",
)
def test_stops_a_process_that_uses_keras_3():
    done = _python(
        "-c",
        "import tensorflow as tf\ntf.keras.layers.Dense(1)\nimport tfxdr",
    )
    assert done.returncode == 1
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("ImportError: tfxdr needs Keras 2")
    assert "TF_USE_LEGACY_KERAS=1" in last
