"""What runs are called, and how they are found."""

import os

import pytest

from tfxdr.errors import InputError
from tfxdr.experiments import run_names
from tfxdr.experiments.run_names import default_folder, find_run
from tfxdr.options import Options, groups


@pytest.fixture
def make(tmp_path, monkeypatch):
    """Makes a run; each is newer than the one before."""
    monkeypatch.chdir(tmp_path)
    made = []

    def make_run(name):
        flags = tmp_path / name / "options.flags"
        flags.parent.mkdir(parents=True)
        flags.write_text("--seed=0\n")
        made.append(name)
        os.utime(flags, (len(made), len(made)))
        return flags.parent

    return make_run


def options(**run):
    return Options(run=groups.Run(**run))


def test_names_are_short_and_the_same_for_the_same_options():
    (folder,) = {default_folder(options(), ["gumbel"]) for _ in range(2)}
    title, _, digits = folder.name.rpartition("-")
    assert (folder.parent.name, title, len(digits)) == ("runs", "gumbel", 4)
    assert default_folder(options(seed=(1,)), ["gumbel"]) != folder
    assert default_folder(options(cache_dir="x"), ["gumbel"]) == folder
    several = default_folder(options(), ["zero", "cls", "all"])
    assert several.name.startswith("zero+2-")


def test_another_runs_name_gets_more_digits(tmp_path, monkeypatch):
    monkeypatch.setattr(run_names, "_SHORT", 0)  # any two names are the same
    runs_dir = str(tmp_path)
    folders = []
    for seed in range(3):
        chosen = options(seed=(seed,), runs_dir=runs_dir)
        folders.append(default_folder(chosen, ["all"]))
        folders[-1].mkdir()
        flags = chosen.to_flagfile() + "# a line of another kind\n"
        (folders[-1] / "options.flags").write_text(flags)
    assert len(set(folders)) == 3
    for seed, folder in enumerate(folders):
        chosen = options(seed=(seed,), runs_dir=runs_dir)
        assert default_folder(chosen, ["all"]) == folder


def test_found_by_its_path_or_how_its_name_begins(make):
    bip, zero = make("runs/bip-3f2a"), make("runs/zero+1-77aa")
    make("runs/zero+1-77aa/zero")
    make("other/bip-9999")
    assert find_run("bip", "runs") == bip.relative_to(os.getcwd())
    assert find_run("runs/bi", "runs").resolve() == bip
    assert find_run(str(bip), "runs") == bip
    assert find_run("other/b", "runs").name == "bip-9999"
    assert find_run("zero+1-77aa/z", "runs").resolve() == zero / "zero"
    assert find_run("nothing", "runs").name == "nothing"


def test_a_beginning_of_several_is_refused(make):
    make("runs/bip-1")
    make("runs/bip-2")
    with pytest.raises(InputError, match="several runs .*bip-1, bip-2; write"):
        find_run("bip", "runs")
    assert find_run("bip-2", "runs").name == "bip-2"


def test_the_latest(make):
    with pytest.raises(InputError, match="there is no run in --runs_dir=runs"):
        find_run("latest", "runs")
    make("runs/b")
    make("runs/a")
    make("runs/a/zero")
    assert find_run("latest", "runs").name == "a"
    assert find_run("latest/ze", "runs").name == "zero"
    (find_run("b", "runs") / "metrics.json").write_text("{}")
    assert find_run("latest", "runs").name == "b"
