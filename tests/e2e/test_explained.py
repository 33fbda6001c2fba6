"""A comparison that is explained, and what it says to type next."""

import pathlib
import re
import shlex
import sys

import pytest
from running import call_here, metrics

from tfxdr.modes.explained_policies import PICTURE
from tfxdr.modes.explanation import program

QUICK = [
    "--preset=demo",
    "--dataset=planted-policies(users=400,length=12,tastes=6,back=3)",
    "--backbone=nextitnet(channels=8,dilations=[1,2])",
    "--policy=zero,all,random,soft",
    "--pretrain_epochs=2",
    "--epochs=2",
]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("explained")


@pytest.fixture
def here(folder, monkeypatch, capfd):
    return folder, monkeypatch, capfd


@pytest.fixture
def told(here):
    """What the comparison printed, once for all."""
    kept = here[0] / "told.txt"
    if not kept.is_file():
        code, out, err = call_here(*here, *QUICK)
        assert code == 0, err
        kept.write_text(out)
    return kept.read_text()


def part(told, title):
    return " ".join(told.partition(f"\n{title}\n")[2].split("\n\n")[0].split())


def test_metrics_stars_and_rows(told):
    assert "HR@5: the share of them" in part(told, "What the numbers mean")
    star = part(told, "Which differences count")
    assert re.search(r"By HR@5 it is [a-z-]+", star)
    lessons = part(told, "What the rows teach")
    for title in ("Pre-training:", "Deciding user by user:", "a coin's:"):
        assert title in lessons
    assert "standard error of 0." in lessons


def test_decisions_beside_the_truth(told, folder):
    text = part(told, "Who is tuned")
    assert "random tunes a share of 0." in text
    assert "for shifted and" in text and "for stable users' blocks" in text
    assert "soft" in text and "AUC of 0." in text
    assert f"picture: runs/demo/{PICTURE}" in text
    assert (folder / "runs/demo" / PICTURE).stat().st_size > 10_000


def test_three_users_in_titles(told):
    users = told.partition("\nThree users, by ")[2].partition("\n\n")[0]
    assert len(re.findall(r"^u\d+, (shifted|stable)$", users, re.M)) == 3
    assert "marker of the" in users and "taste " in users
    assert users.count("recommended: 1. taste") == 3
    assert users.count("held out: taste") == 3


@pytest.mark.large
def test_commands_work_as_they_stand(told, here, monkeypatch):
    monkeypatch.chdir(here[0])
    commands = told.partition("\nWhat to type next\n")[2].splitlines()
    assert len(commands) == 3
    for command in commands:
        start = f"  {program()} "
        assert command.startswith(start)
        code, out, err = call_here(
            *here, *shlex.split(command.removeprefix(start))
        )
        assert code == 0 and out, err
    assert (here[0] / "runs/demo-seed-1/results.md").is_file()


def test_lines_fit(told):
    words = told.partition("What the numbers mean")[2]
    words = words.partition("What to type next")[0]
    assert max(map(len, words.splitlines())) <= 80


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("age", "expected an attribute of the users, one of kind, found 'age'"),
        ("kind=odd", "one of stable, shifted, found 'odd'"),
    ],
)
def test_mistakes_are_found_before_training(
    tmp_path, monkeypatch, capfd, given, message
):
    code, out, err = call_here(
        tmp_path, monkeypatch, capfd, *QUICK, f"--explain_by={given}"
    )
    assert code == 1
    assert "error: --explain_by=" in err and message in err
    assert "finetune" not in out and not (tmp_path / "runs").exists()


@pytest.mark.large
@pytest.mark.parametrize("share", [0, 1])
def test_a_world_of_one_kind_has_nothing_to_explain(
    tmp_path, monkeypatch, capfd, share
):
    code, out, err = call_here(
        *(tmp_path, monkeypatch, capfd),
        *QUICK,
        f"--dataset=planted-policies(users=200,length=12,shifted={share})",
        *("--policy=all,soft", "--pretrain_epochs=1", "--epochs=1"),
        "--explain_by=kind=shifted",
    )
    assert code == 0, err
    (told,) = (line for line in out.splitlines() if "--explain_by" in line)
    assert "note: --explain_by=kind=shifted: all of them are alike" in told
    assert "Who is tuned" not in out
    found = metrics(tmp_path / "runs/demo" / "soft")["actions"]
    assert "by_group" not in found and "auc" not in found


def test_decisions_are_told_apart_in_results(told, folder):
    found = metrics(folder / "runs/demo" / "soft")["actions"]
    assert set(found["by_group"]) == {"shifted", "stable"}
    assert found["auc"] == max(found["block_aucs"])
    assert f"an AUC of {found['auc']:.3f}" in part(told, "Who is tuned")


class TestProgram:
    def start(self, monkeypatch, script, executable, path=""):
        monkeypatch.setattr(sys, "argv", [script])
        monkeypatch.setattr(sys, "executable", str(executable))
        monkeypatch.setenv("PATH", path)
        return program()

    def make(self, path):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("#!/bin/sh\n")
        path.chmod(0o755)
        return path

    def test_a_python_that_is_not_on_path(self, tmp_path, monkeypatch):
        python = self.make(tmp_path / "my env/bin/python")
        monkeypatch.chdir(tmp_path)
        found = self.start(monkeypatch, "main.py", python)
        assert found == "'my env/bin/python' -m tfxdr.main"

    def test_the_python_of_path(self, tmp_path, monkeypatch):
        python = self.make(tmp_path / "bin/python")
        found = self.start(monkeypatch, "main.py", python, str(python.parent))
        assert found == "python -m tfxdr.main"

    def test_the_script(self, tmp_path, monkeypatch):
        script = self.make(tmp_path / "bin/tfxdr")
        folder = str(script.parent)
        python = pathlib.Path(sys.executable)
        found = self.start(monkeypatch, str(script), python, folder)
        assert found == "tfxdr"
        assert self.start(monkeypatch, str(script), python) == str(script)
