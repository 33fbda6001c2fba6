"""A plugin that pip installs, in an environment of its own.

The commands of its README.md run as they stand.
"""

from __future__ import annotations

import shutil

import pytest
from documented import ROOT, commands

pytestmark = pytest.mark.large

FOLDER = "plugins/coin_distribution"
PAGE = ROOT / FOLDER / "README.md"
RUN = f"python -m tfxdr.main --flagfile={FOLDER}/coin.flags"


@pytest.fixture(scope="module")
def followed(environment):
    """The environment at the end, and what each command printed."""
    # pip builds where it stands.
    shutil.copytree(ROOT / FOLDER, environment.folder / FOLDER)
    texts = [command.text for command in commands(PAGE)]
    return environment, {text: environment.shell(text) for text in texts}


def test_every_command_ends_well(followed):
    _, told = followed
    assert len(told) == 4
    for command, done in told.items():
        assert done.returncode == 0, f"{command}\n{done.stdout}{done.stderr}"


def test_is_listed_with_its_distribution(followed):
    _, listed, _, _ = followed[1].values()
    (line,) = (
        x for x in listed.stdout.splitlines() if x.startswith("  coin  ")
    )
    assert line.endswith("[coin (distribution tfxdr-coin)]")
    assert "(bias=0.5)" in listed.stdout


def test_runs_without_a_flag_of_its_own(followed):
    environment, told = followed
    assert RUN in told
    assert "| coin(bias=0.3)" in told[RUN].stdout
    (run,) = (environment.folder / "runs").iterdir()
    assert (run / "metrics.json").is_file()


def test_its_own_tests_pass(followed):
    *_, tested = followed[1].values()
    assert "2 passed" in tested.stdout


def test_is_gone_when_uninstalled(followed):
    environment, _ = followed
    done = environment.shell("python -m pip uninstall --yes tfxdr-coin")
    assert done.returncode == 0, done.stderr
    done = environment.shell(RUN)
    assert done.returncode == 1
    assert "error: --policy: unknown policy 'coin'" in done.stderr
