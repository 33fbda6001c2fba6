"""A plugin that pip installs, in an environment of its own."""

from __future__ import annotations

import os
import pathlib
import shutil
import subprocess
import sys
import sysconfig

import pytest

SOURCE = pathlib.Path(__file__).parents[2] / "plugins" / "coin_distribution"
RUN = [
    "--dataset=synthetic(users=120,source_items=60,target_items=40)",
    "--backbone=nextitnet(channels=4,dilations=[1,2])",
    *("--pretrain_epochs=1", "--epochs=1", "--policy=coin(bias=0.3)"),
]


class Environment:
    """One that has all that this one has, and can be added to."""

    def __init__(self, folder: pathlib.Path) -> None:
        self.folder = folder
        self._call(
            sys.executable, "-m", "venv", "--without-pip", folder / "env"
        )
        self.python = folder / "env" / "bin" / "python"
        # addsitedir, for the .pth files there: tfxdr itself may be one.
        below = sysconfig.get_path("purelib")
        (site,) = (folder / "env" / "lib").glob("python*/site-packages")
        (site / "below.pth").write_text(
            f"import site; site.addsitedir({below!r})\n"
        )

    def _call(self, *command) -> subprocess.CompletedProcess:
        # Nothing of this checkout is on the path but what is installed.
        kept = ("PATH", "HOME", "TF_NUM_INTRAOP_THREADS", "LD_LIBRARY_PATH")
        return subprocess.run(
            [str(word) for word in command],
            cwd=self.folder,
            env={key: os.environ[key] for key in kept if key in os.environ},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=240,
        )

    def pip(self, *words: str) -> None:
        done = self._call(
            *(sys.executable, "-m", "pip", "--python", self.python),
            *("--disable-pip-version-check", *words),
        )
        assert done.returncode == 0, done.stderr

    def module(self, *words: str) -> subprocess.CompletedProcess:
        return self._call(self.python, "-m", *words)


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("coin")
    environment = Environment(folder)
    shutil.copytree(SOURCE, folder / "source")  # pip builds where it stands
    environment.pip(
        *("install", "--no-index", "--no-deps", "--no-build-isolation"),
        str(folder / "source"),
    )
    return environment


def test_is_listed_with_its_distribution(installed):
    done = installed.module("tfxdr.main", "--mode=list")
    assert done.returncode == 0, done.stderr
    (line,) = (x for x in done.stdout.splitlines() if x.startswith("  coin  "))
    assert line.endswith("[coin (distribution tfxdr-coin)]")
    assert "(bias=0.5)" in done.stdout


def test_runs_without_a_flag_of_its_own(installed):
    done = installed.module("tfxdr.main", *RUN, "--run=run")
    assert done.returncode == 0, done.stderr
    assert "| coin(bias=0.3)" in done.stdout
    assert (installed.folder / "run" / "metrics.json").is_file()


def test_its_own_tests_pass(installed):
    tests = str(installed.folder / "source" / "tests")
    done = installed.module("pytest", "-q", "-p", "no:cacheprovider", tests)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 passed" in done.stdout


def test_is_gone_when_uninstalled(tmp_path):
    environment = Environment(tmp_path)
    shutil.copytree(SOURCE, tmp_path / "source")
    environment.pip(
        *("install", "--no-index", "--no-deps", "--no-build-isolation"),
        str(tmp_path / "source"),
    )
    environment.pip("uninstall", "--yes", "tfxdr-coin")
    done = environment.module("tfxdr.main", *RUN)
    assert done.returncode == 1
    assert "error: --policy: unknown policy 'coin'" in done.stderr
