"""Sweeps by the command line: runs, a search, a failure, a second start."""

import csv

import pytest
from running import call_here

COMMON = """
--dataset=synthetic(users=150,source_items=40,target_items=40)
--backbone=nextitnet(channels=4,dilations=[1,2])
--pretrain_epochs=1
--split_fractions=0.5,0.4,0.1
--head_start=random
"""


@pytest.fixture
def call(tmp_path, monkeypatch, capfd):
    (tmp_path / "flags").mkdir()
    for name, policy in (("plain", "all"), ("counted", "popularity")):
        (tmp_path / "flags" / f"{name}.flags").write_text(
            f"{COMMON}--policy={policy}\n--epochs=9\n"
        )

    def sweep(*flags):
        flags = ("--mode=sweep", "--run=sweep", *flags)
        return call_here(tmp_path, monkeypatch, capfd, *flags)

    return sweep


def test_every_flagfile_with_every_seed(call, tmp_path):
    options = ("--sweep=flags", "--seeds=0,1", "--epochs=1", "--threads=1")
    code, out, err = call(*options)
    assert code == 0, err
    with open(tmp_path / "sweep" / "results.csv") as file:
        rows = {row["policy"]: row for row in csv.DictReader(file)}
    assert set(rows) == {"plain", "counted"}
    assert rows["plain"]["hr@5 deviation"] != ""
    assert "[4/4]" in out
    # What the command line says wins over the flagfiles.
    flags = (tmp_path / "sweep" / "plain-seed-1" / "options.flags").read_text()
    assert "--epochs=1\n" in flags and "--seed=1\n" in flags
    code, out, _ = call("--flagfile=sweep/sweep.flags")
    assert code == 0 and out.count("is there already") == 4


def test_what_cannot_be_run_leaves_nothing(call, tmp_path):
    (tmp_path / "flags" / "films.flags").write_text("--dataset=movielens\n")
    code, _, err = call("--sweep=flags/films.flags", "--worlds=0,1")
    assert code == 1 and "--worlds: expected generated data" in err
    assert not (tmp_path / "sweep").exists()


@pytest.mark.large
def test_a_search_picks_by_validation(call, tmp_path):
    code, out, err = call(
        "--sweep=flags/plain.flags",
        "--grid=learning_rate=[1e-9,0.05]",
        "--epochs=3",
        "--threads=1",
    )
    assert code == 0, err
    assert "best of 2 trials is --learning_rate=0.05" in out
    best = tmp_path / "sweep" / "search" / "plain" / "best.flags"
    assert "--learning_rate=0.05\n" in best.read_text()
    flags = (tmp_path / "sweep" / "plain" / "options.flags").read_text()
    assert "--learning_rate=0.05\n" in flags


@pytest.mark.large
def test_failures_are_listed_and_stop_nothing(call, tmp_path):
    (tmp_path / "flags" / "broken.flags").write_text(
        f"{COMMON}--policy=last-9\n"
    )
    # A name that is the beginning of another is a run of its own.
    (tmp_path / "flags" / "counted-more.flags").write_text(
        f"{COMMON}--policy=item-knn\n"
    )
    names = ("broken", "counted-more", "counted")
    files = ",".join(f"flags/{name}.flags" for name in names)
    code, out, err = call(f"--sweep={files}")
    assert code == 2
    assert "broken: FAILED" in out and "[3/3] counted" in out
    assert "1 of 3 runs failed" in err and "last-9 asks for more" in err
    for name, policy in (
        ("counted", "popularity"),
        ("counted-more", "item-knn"),
    ):
        flags = (tmp_path / "sweep" / name / "options.flags").read_text()
        assert f"--policy={policy}\n" in flags
    assert (tmp_path / "sweep" / "results.md").is_file()


def test_devices_are_for_each_of_its_runs(call, monkeypatch):
    started = []
    monkeypatch.setattr(
        "tfxdr.modes.sweep.run_jobs",
        lambda jobs, say: started.extend(jobs) or {},
    )
    code, _, err = call("--sweep=flags", "--distribute=mirrored")
    assert code == 0, err
    assert len(started) == 2
    assert all("--distribute=mirrored" in job.arguments for job in started)
    code, _, err = call("--sweep=flags", "--distribute=multi-worker")
    assert code == 1
    assert "starts each of its runs as a process of this machine" in err
