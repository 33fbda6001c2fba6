"""Jobs of a sweep: what is run, what is left alone, what failed."""

import sys
import threading

import pytest

from tfxdr.errors import InputError
from tfxdr.experiments import sweeping
from tfxdr.experiments.sweeping import Job, claim, flagfiles, run_jobs

# Stands for the program: writes results as a run does, or fails.
PROGRAM = """
import pathlib, sys
words = sys.argv[1:]
(run,) = [word[6:] for word in words if word.startswith("--run=")]
if "--fail" in words:
    print("epoch 1")
    sys.exit("error: it is meant to")
folder = pathlib.Path(run)
folder.mkdir(parents=True, exist_ok=True)
with (folder / "times.txt").open("a") as file:
    file.write("once")
(folder / "results.csv").write_text("policy")
"""


@pytest.fixture
def program(tmp_path, monkeypatch):
    """In place of `python -m tfxdr.main`."""
    script = tmp_path / "program.py"
    script.write_text(PROGRAM)
    start = tmp_path / "start.sh"
    # Drops `-m tfxdr.main`.
    start.write_text(f'#!/bin/sh\nshift 2\nexec {sys.executable} {script} "$@"')
    start.chmod(0o755)
    monkeypatch.setattr(sweeping.sys, "executable", str(start))
    return tmp_path


def jobs(place, *, fail=()):
    return [
        Job(name, ["--fail"] if name in fail else [], place / "sweep" / name)
        for name in ("a", "b", "c")
    ]


def test_all_are_run_once(program):
    said = []
    assert run_jobs(jobs(program), said.append) == {}
    assert [line.partition(":")[0] for line in said] == [
        "[1/3] a",
        "[2/3] b",
        "[3/3] c",
    ]
    assert "left, until" in said[0] and "left" not in said[2]
    said.clear()
    assert run_jobs(jobs(program), said.append) == {}
    assert all(line.endswith("is there already") for line in said)
    for job in jobs(program):
        assert (job.folder / "times.txt").read_text() == "once"


def test_a_failure_stops_no_other(program):
    said = []
    failed = run_jobs(jobs(program, fail="b"), said.append)
    assert failed == {"b": "error: it is meant to"}
    assert [job.finished for job in jobs(program)] == [True, False, True]
    assert "FAILED after" in said[1]
    # Once it is mended it alone is run.
    assert run_jobs(jobs(program), said.append) == {}
    assert (program / "sweep" / "b" / "times.txt").read_text() == "once"


def test_two_processes_share_the_work(program):
    """Here two threads, for which the locks hold as well."""
    said = []
    threads = [
        threading.Thread(target=run_jobs, args=(jobs(program), said.append))
        for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for job in jobs(program):
        assert (job.folder / "times.txt").read_text() == "once"
    assert len(said) == 6


def test_what_another_took_is_waited_for(program, monkeypatch):
    monkeypatch.setattr(sweeping, "_POLL_SECONDS", 0.05)
    taken = jobs(program)[0]
    with claim(taken.folder) as mine:
        assert mine
        with claim(taken.folder) as again:
            assert not again
        thread = threading.Thread(
            target=run_jobs, args=(jobs(program), lambda line: None)
        )
        thread.start()
        thread.join(3)
        assert thread.is_alive() and not taken.finished
    thread.join(20)
    assert taken.finished


def test_a_job_can_be_stopped(program, monkeypatch):
    monkeypatch.setattr(sweeping, "_POLL_SECONDS", 0.05)
    (program / "program.py").write_text("import time; time.sleep(60)")
    assert not jobs(program)[0].run(lambda: False)


def test_flagfiles_are_called_by_their_places(tmp_path):
    (tmp_path / "deep").mkdir()
    for name in ("b.flags", "deep/a.flags", "deep/b.flags", "note.txt"):
        (tmp_path / name).write_text("--epochs=1\n")
    assert list(flagfiles([str(tmp_path)])) == ["b", "deep-a", "deep-b"]
    one = flagfiles([str(tmp_path / "deep" / "a.flags")])
    assert one == {"a": tmp_path / "deep" / "a.flags"}


def test_flagfiles_that_are_not_there(tmp_path):
    (tmp_path / "empty").mkdir()
    for paths, message in (
        ([], "expected flagfiles, or folders"),
        ([str(tmp_path / "empty")], r"expected flagfiles \(\*.flags\)"),
        ([str(tmp_path / "none.flags")], ".*found nothing at"),
    ):
        with pytest.raises(InputError, match=f"--sweep: {message}"):
            flagfiles(paths)
    for folder in ("x", "y"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "a.flags").write_text("")
    with pytest.raises(InputError, match="different names"):
        flagfiles([str(tmp_path / "x"), str(tmp_path / "y")])
