"""What is built installs and runs elsewhere; a clone hides nothing.

The environments here borrow the dependencies of this one and get tfxdr alone,
so that nothing is downloaded.
"""

from __future__ import annotations

import importlib.util
import os
import pathlib
import site
import subprocess
import sys
import tarfile
import zipfile

import pytest

pytestmark = pytest.mark.large

_ROOT = pathlib.Path(__file__).parent.parent
_PRESETS = {
    f"tfxdr/presets/{path.relative_to(_ROOT / 'flags').as_posix()}"
    for path in (_ROOT / "flags").rglob("*.flags")
}
_TINY = [
    "--preset=demo",
    "--dataset=planted-policies(users=300)",
    "--policy=all,gumbel",
    "--pretrain_epochs=1",
    "--epochs=1",
]


def _run(command, cwd, **environment):
    kept = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}
    done = subprocess.run(
        [str(word) for word in command],
        cwd=cwd,
        capture_output=True,
        text=True,
        timeout=1200,
        env={**kept, **environment},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def _clone(folder: pathlib.Path) -> pathlib.Path:
    """The files that git knows, in a folder called tfxdr."""
    clone = folder / "tfxdr"
    names = _run(["git", "ls-files", "-z"], _ROOT).split("\0")
    for name in filter(None, names):
        source, target = _ROOT / name, clone / name
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_symlink():
            target.symlink_to(source.readlink())
        elif source.exists():
            target.write_bytes(source.read_bytes())
    return clone


def _environment(folder: pathlib.Path) -> pathlib.Path:
    """A new environment's bin, with the dependencies of this one."""
    _run([sys.executable, "-m", "venv", folder], _ROOT)
    bin_ = folder / "bin"
    code = "import site; print(site.getsitepackages()[0])"
    packages = pathlib.Path(_run([bin_ / "python", "-c", code], _ROOT).strip())
    # Of a folder on a .pth's line no .pth is read: this tfxdr stays out.
    borrowed = "".join(f"{path}\n" for path in _dependencies())
    (packages / "zz_borrowed.pth").write_text(borrowed)
    return bin_


def _dependencies() -> list[str]:
    """Where this interpreter has what tfxdr needs."""
    spec = importlib.util.find_spec("tensorflow")
    assert spec is not None and spec.origin is not None
    folders = [str(pathlib.Path(spec.origin).parents[1])]
    return list(dict.fromkeys([*folders, *site.getsitepackages()]))


@pytest.fixture(scope="module")
def built(tmp_path_factory):
    """The wheel, and the source distribution that it was built from."""
    for name in ("build", "setuptools"):
        if importlib.util.find_spec(name) is None:
            pytest.skip(f"needs {name}, of the dev extra")
    folder = tmp_path_factory.mktemp("built")
    clone = _clone(folder)
    _run(
        [sys.executable, "-m", "build", "--no-isolation", "--outdir"]
        + [folder / "dist", clone],
        folder,
    )
    (wheel,) = (folder / "dist").glob("*.whl")
    (source,) = (folder / "dist").glob("*.tar.gz")
    return wheel, source


def test_both_hold_what_runs_and_nothing_else(built):
    wheel, source = built
    with zipfile.ZipFile(wheel) as file:
        names = set(file.namelist())
    assert names >= {*_PRESETS, "tfxdr/py.typed", "tfxdr_addons/__init__.py"}
    tops = {name.split("/")[0] for name in names}
    assert {top for top in tops if "dist-info" not in top} == {
        "tfxdr",
        "tfxdr_addons",
    }
    modules = {
        path.relative_to(_ROOT).as_posix()
        for path in (_ROOT / "tfxdr").rglob("*.py")
    }
    assert modules <= names
    with tarfile.open(source) as file:
        held = {name.partition("/")[2] for name in file.getnames()}
    assert held >= {*_PRESETS, *modules, "setup.py", "README.md", "LICENSE"}


@pytest.mark.parametrize("which", ["wheel", "source"])
def test_what_is_built_runs_in_a_fresh_environment(built, which, tmp_path):
    file = built[which == "source"]
    bin_ = _environment(tmp_path / "env")
    _run(
        [bin_ / "python", "-m", "pip", "install", "--no-deps"]
        + ["--no-build-isolation", "--no-index", file],
        tmp_path,
    )
    where = "import tfxdr, tfxdr_addons; print(tfxdr.__file__)"
    found = _run([bin_ / "python", "-c", where], tmp_path)
    assert str(tmp_path / "env") in found
    out = _run([bin_ / "tfxdr", *_TINY], tmp_path)
    assert "What to type next" in out
    assert (tmp_path / "runs/demo/decisions.png").is_file()


def test_an_editable_clone_works_from_any_folder(tmp_path):
    """Beside a clone called tfxdr, Python meets its folder first."""
    clone = _clone(tmp_path)
    bin_ = _environment(tmp_path / "env")
    _run(
        [bin_ / "python", "-m", "pip", "install", "--no-deps", "--no-index"]
        + ["--no-build-isolation", "--editable", clone],
        tmp_path,
    )
    for folder in (tmp_path, clone, tmp_path / "env"):
        for command in (
            [bin_ / "python", "-m", "tfxdr.main", "--version"],
            [bin_ / "tfxdr", "--version"],
        ):
            assert _run(command, folder).startswith("tfxdr 0.")
        code = "import tfxdr_addons; print(tfxdr_addons.__file__)"
        out = _run([bin_ / "python", "-c", code], folder)
        assert str(clone) in out
