"""Worked examples as `--plugins` loads them, and an environment for others."""

from __future__ import annotations

import os
import pathlib
import subprocess
import sys
import sysconfig

import pytest

from tfxdr.registry import plugins

FOLDER = pathlib.Path(__file__).parents[2] / "plugins"


@pytest.fixture
def load():
    """Loads an example by the name of its file."""

    def load_one(name: str) -> None:
        path = str(FOLDER / f"{name}.py")
        loaded = {known.origin: known for known in plugins.load_plugins([path])}
        assert loaded[path].error is None, loaded[path]

    return load_one


class Environment:
    """A virtual environment that has all that this one has.

    Nothing of this checkout is on its path but what is installed, and pip
    installs from a folder alone.
    """

    def __init__(self, folder: pathlib.Path) -> None:
        self.folder = folder
        venv = folder / "environment"
        command = [sys.executable, "-m", "venv", "--without-pip", str(venv)]
        subprocess.run(command, check=True)
        # addsitedir, for the .pth files there: tfxdr itself may be one.
        below = sysconfig.get_path("purelib")
        (site,) = venv.glob("lib/python*/site-packages")
        (site / "below.pth").write_text(
            f"import site; site.addsitedir({below!r})\n"
        )
        kept = ("HOME", "TF_NUM_INTRAOP_THREADS", "LD_LIBRARY_PATH")
        self._variables = {
            **{name: os.environ[name] for name in kept if name in os.environ},
            "PATH": f"{venv / 'bin'}:{os.environ['PATH']}",
            "PIP_DISABLE_PIP_VERSION_CHECK": "1",
            "PIP_NO_INDEX": "1",
            "PIP_NO_DEPS": "1",
            "PIP_NO_BUILD_ISOLATION": "0",  # pip reads it as its opposite
        }

    def shell(self, line: str) -> subprocess.CompletedProcess:
        """Runs a line in the folder."""
        return subprocess.run(
            ["sh", "-c", line],
            cwd=self.folder,
            env=self._variables,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=300,
        )


@pytest.fixture(scope="module")
def environment(tmp_path_factory):
    """A fresh one for the tests of a file."""
    return Environment(tmp_path_factory.mktemp("environment"))
