"""A plugin that pip installs, in an environment of its own."""

from __future__ import annotations

import pathlib
import shutil

import pytest

SOURCE = pathlib.Path(__file__).parents[2] / "plugins" / "coin_distribution"
RUN = (
    "python -m tfxdr.main --flagfile=source/coin.flags --epochs=1 "
    "--pretrain_epochs=0 '--dataset=synthetic(users=150)' "
    "'--backbone=nextitnet(channels=4,dilations=[1,2])'"
)


@pytest.fixture(scope="module")
def installed(environment):
    source = environment.folder / "source"
    shutil.copytree(SOURCE, source)  # pip builds where it stands
    done = environment.shell("python -m pip install ./source")
    assert done.returncode == 0, done.stderr
    return environment


def test_is_listed_with_its_distribution(installed):
    done = installed.shell("python -m tfxdr.main --mode=list")
    assert done.returncode == 0, done.stderr
    (line,) = (x for x in done.stdout.splitlines() if x.startswith("  coin  "))
    assert line.endswith("[coin (distribution tfxdr-coin)]")
    assert "(bias=0.5)" in done.stdout


def test_runs_without_a_flag_of_its_own(installed):
    done = installed.shell(f"{RUN} --run=run")
    assert done.returncode == 0, done.stderr
    assert "| coin(bias=0.3)" in done.stdout
    assert (installed.folder / "run" / "metrics.json").is_file()


def test_its_own_tests_pass(installed):
    done = installed.shell("python -m pytest -q source/tests")
    assert done.returncode == 0, done.stdout + done.stderr
    assert "2 passed" in done.stdout


def test_is_gone_when_uninstalled(installed):
    done = installed.shell("python -m pip uninstall --yes tfxdr-coin")
    assert done.returncode == 0, done.stderr
    done = installed.shell(RUN)
    assert done.returncode == 1
    assert "error: --policy: unknown policy 'coin'" in done.stderr
