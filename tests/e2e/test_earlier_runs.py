"""Runs, caches and checkpoints that an earlier tfxdr left still open.

`earlier/` was made by the last version whose modules lay elsewhere: two
finished runs, one that was killed after its second epoch (`soft-cut`) with the
metrics of the same run left alone (`soft-whole.json`), and the cache of all.
"""

import csv
import json
import pathlib
import shutil

import pytest
from running import call_here, metrics

EARLIER = pathlib.Path(__file__).parent / "earlier"


@pytest.fixture
def mode(tmp_path, monkeypatch, capfd):
    """Calls a mode in a folder that holds the runs and their cache."""
    shutil.copytree(EARLIER, tmp_path / "runs")
    (tmp_path / "runs" / "cache").rename(tmp_path / "cache")

    def call(name, run, *flags):
        flags = (f"--mode={name}", f"--run=runs/{run}", *flags)
        code, out, err = call_here(tmp_path, monkeypatch, capfd, *flags)
        assert code == 0, err
        assert "(from an earlier run)" in out
        return out

    return call


@pytest.mark.parametrize("run", ["gumbel", "bip"])
def test_evaluate_gives_the_numbers_of_the_run(mode, run):
    shown = mode("evaluate", run)
    # A wide table goes on below itself.
    lines = [
        line for line in shown.splitlines() if line.startswith(f"| {run} ")
    ]
    test = metrics(EARLIER / run)["test"]
    for key in ("hr@5", "mrr@5", "ndcg@5"):
        assert f"{test[key]:.4f}" in "".join(lines)


@pytest.mark.parametrize(
    ("run", "user", "items"),
    [
        ("gumbel", "u00007", ["t00034", "t00037"]),
        ("bip", "u000007", ["t000033", "t000025", "t000022"]),
    ],
)
def test_recommend_gives_the_items_of_the_run(mode, run, user, items):
    shown = mode("recommend", run, f"--user={user}", f"--k={len(items)}")
    places = [shown.index(item) for item in items]
    assert places == sorted(places)


def test_explain_tells_the_behaviors_of_the_run(mode):
    shown = mode("explain", "bip", "--user=u000007", "--k=2")
    places = [shown.index(item) for item in ("s000025", "s000072")]
    assert places == sorted(places)


@pytest.mark.parametrize("run", ["gumbel", "bip"])
def test_export_serves_the_run(mode, run, tmp_path):
    shown = mode("export", run, "--export_dir=export")
    assert "are those of the trained model" in shown
    assert (tmp_path / "export" / "1" / "saved_model.pb").is_file()


def test_resume_goes_on_with_the_run(mode, tmp_path):
    flags = EARLIER / "soft-cut" / "options.flags"  # they save every step
    resume = (f"--flagfile={flags}", "--resume", "--checkpoint_seconds=60")
    shown = mode("run", "soft-cut", *resume)
    assert "pretrain: found in" in shown
    ended = metrics(tmp_path / "runs" / "soft-cut")
    whole = json.loads((EARLIER / "soft-whole.json").read_text())
    assert ended["validation"]["epochs"] == whole["validation"]["epochs"]
    assert ended["data"] == whole["data"]
    # Another CPU rounds otherwise: of 43 instances some may change places.
    assert ended["test"] == pytest.approx(whole["test"], abs=0.1)
    before, after = (
        list(csv.DictReader((folder / "soft-cut/history.csv").open()))
        for folder in (EARLIER, tmp_path / "runs")
    )
    assert [row["loss"] for row in after[: len(before)]] == [
        row["loss"] for row in before
    ]
