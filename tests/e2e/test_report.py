"""Reports of finished runs, as a browser shows them."""

import errno
import json
import os
import pathlib
import re
import shutil
import subprocess

import pytest
from running import call_here

from tfxdr import files

EARLIER = pathlib.Path(__file__).parent / "earlier"
CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
WRAPPER = """<!DOCTYPE html><title>wrapper</title>
<iframe id="page" src="r.html" width="360" height="800"></iframe>
<script>onload = () => {
  const page = document.getElementById("page").contentDocument;
  document.body.dataset.width = page.documentElement.scrollWidth;
}</script>"""


@pytest.fixture
def page(tmp_path, monkeypatch, capfd):
    """Writes a report of runs and reads it."""
    shutil.copytree(EARLIER, tmp_path / "runs")
    (tmp_path / "runs" / "cache").rename(tmp_path / "cache")

    def write(runs, *flags, name="r.html"):
        flags = ("--mode=report", f"--run={runs}", f"--output={name}", *flags)
        code, out, err = call_here(tmp_path, monkeypatch, capfd, *flags)
        assert code == 0, err
        assert f"report: {name}" in out
        return (tmp_path / name).read_text("utf-8")

    return write


@pytest.mark.parametrize("full", [False, True])
@pytest.mark.parametrize(
    ("mode", "run", "name"),
    [
        ("report", "runs/gumbel", "r.html"),
        ("report", "runs/gumbel", "r.md"),
        ("results", "sweeps", "r.md"),
    ],
)
def test_an_output_that_cannot_be_written(
    tmp_path, read_only, monkeypatch, capfd, mode, run, name, full
):
    shutil.copytree(EARLIER, tmp_path / "runs")
    (tmp_path / "runs" / "cache").rename(tmp_path / "cache")
    shutil.copytree(tmp_path / "runs" / "gumbel", tmp_path / "sweeps/s/gumbel")
    place, words = read_only / name, "written: Permission denied"
    if full:
        place, words = tmp_path / "made" / name, "is full"

        def fsync(_):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

        monkeypatch.setattr(files.os, "fsync", fsync)
    before = {path.name for path in tmp_path.iterdir()}
    code, _, err = call_here(
        *(tmp_path, monkeypatch, capfd, f"--mode={mode}", f"--run={run}"),
        f"--output={place}",
    )
    assert code == 1
    (line,) = [one for one in err.splitlines() if "error: " in one]
    assert str(place) in line and words in line
    assert "by --output" in line and "--run" not in line
    assert {path.name for path in tmp_path.iterdir()} == before
    assert not list(read_only.iterdir())


def titles(text):
    return re.findall(r"<h2[^>]*>([^<]+)</h2>", text)


def test_a_run_of_a_policy(page):
    text = page("runs/gumbel")
    assert {
        "Results",
        "Learning curves",
        "What policies decide",
        "Three users",
        "Time and memory",
        "Data",
        "How to run it again",
    } <= set(titles(text))
    test = json.loads((EARLIER / "gumbel" / "metrics.json").read_text())["test"]
    assert f"{test['hr@5']:.4f}" in text
    assert text.count("held out") == 3
    assert "--flagfile=runs/gumbel/options.flags" in text


def test_a_run_that_weighs_behaviors(page):
    text = page("runs/bip")
    assert "What source behaviors are worth" in titles(text)
    assert "most useful" in text


def test_runs_on_several_data_sets_have_their_own_sections(page):
    found = titles(page("runs/bip,runs/gumbel"))
    assert sum(title.startswith("Results on ") for title in found) == 2


def test_markdown(page, tmp_path):
    text = page("runs/gumbel", name="r.md")
    for name in re.findall(r"\]\(([^)]+\.png)\)", text):
        assert (tmp_path / name).is_file()
    assert "## Results" in text


def test_lost_data_are_said_and_all_else_is_told(page, tmp_path):
    shutil.rmtree(tmp_path / "cache")
    flags = tmp_path / "runs" / "gumbel" / "options.flags"
    flags.write_text(
        re.sub(
            "--dataset=.*", "--dataset=movielens(path=gone)", flags.read_text()
        )
    )
    text = page("runs/gumbel")
    assert "Nothing is told of single users" in text
    assert "Results" in titles(text)


@pytest.mark.skipif(not CHROMIUM, reason="no chromium on the PATH")
def test_a_telephone_shows_it_without_an_error(page, tmp_path):
    page("runs/gumbel")
    (tmp_path / "wrapper.html").write_text(WRAPPER)
    shown = subprocess.run(
        [
            *(CHROMIUM, "--headless=new", "--no-sandbox", "--disable-gpu"),
            *("--allow-file-access-from-files", "--enable-logging=stderr"),
            *("--dump-dom", f"--user-data-dir={tmp_path / 'browser'}"),
            f"file://{tmp_path / 'wrapper.html'}",
        ],
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    width = int(re.search(r'data-width="(\d+)"', shown.stdout).group(1))
    assert width <= 360
    assert "CONSOLE" not in shown.stderr
