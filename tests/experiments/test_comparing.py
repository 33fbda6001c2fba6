"""Comparing finished runs: what is a method, and what is refused."""

import csv
import functools
import json

import numpy as np
import pytest
from made_runs import drawn, made_run

from tfxdr import main
from tfxdr.errors import InputError
from tfxdr.experiments.comparing import compare
from tfxdr.experiments.finished_runs import find_runs


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def made(place):
    return functools.partial(made_run, place / "runs")


@pytest.fixture
def three(made):
    """Two methods that differ much, with two seeds each, and one like one."""
    for seed in (0, 1):
        made(f"all-{seed}", "all", drawn(seed, 0.3), seed=seed)
        made(f"gumbel-{seed}", "gumbel", drawn(seed + 5, 0.8), seed=seed)
    made("cls", "cls", drawn(9, 0.3))


def test_runs_of_other_seeds_are_one_method(three):
    found = compare(find_runs("runs", "runs"))
    assert [(m.name, tuple(m.seeds)) for m in found.methods] == [
        ("all", (0, 1)),
        ("cls", (0,)),
        ("gumbel", (0, 1)),
    ]
    values = [(drawn(seed, 0.3) <= 5).mean() for seed in (0, 1)]
    assert found.methods[0].metrics["hr@5"] == pytest.approx(np.mean(values))
    assert found.methods[0].deviations["hr@5"] == pytest.approx(
        np.std(values, ddof=1)
    )
    assert found.methods[1].deviations == {}
    assert (found.instances, found.users) == (180, 60)
    assert list(found.metrics) == ["hr@5", "mrr@5", "ndcg@5"]


def test_what_differs_is_found(three):
    found = compare(find_runs("runs", "runs"))
    assert found.pair("gumbel", "all", "hr@5").is_real
    assert not found.pair("all", "cls", "hr@5").is_real
    assert found.level_with_best("hr@5") == ["gumbel"]
    one = found.pair("all", "gumbel", "hr@5")
    assert (one.left, one.right) == ("gumbel", "all")
    gain = np.mean([drawn(s + 5, 0.8) <= 5 for s in (0, 1)]) - np.mean(
        [drawn(s, 0.3) <= 5 for s in (0, 1)]
    )
    assert one.difference.mean == pytest.approx(gain)
    assert one.difference.low < gain < one.difference.high
    assert len(found.pairs) == 9
    assert one.corrected == pytest.approx(9 * one.difference.p, rel=0.5)


def test_against_a_baseline_alone(three):
    found = compare(find_runs("runs", "runs"), baseline="all")
    assert {(p.left, p.right) for p in found.pairs} == {
        ("cls", "all"),
        ("gumbel", "all"),
    }
    with pytest.raises(InputError, match="did you mean 'gumbel'"):
        compare(find_runs("runs", "runs"), baseline="gumble")


def test_by_other_metrics(three):
    found = compare(find_runs("runs", "runs"), metrics=["hr@10"])
    assert {pair.metric for pair in found.pairs} == {"hr@10"}
    with pytest.raises(InputError, match="--compare_by.*ndcg@10.*'hr@7'"):
        compare(find_runs("runs", "runs"), metrics=["hr@7"])


def test_options_that_differ_are_in_the_names(made):
    for rate in ("0.001", "0.003"):
        made(f"all-{rate}", "all", drawn(0, 0.3), learning_rate=rate)
    found = compare(find_runs("runs", "runs"))
    assert [method.name for method in found.methods] == [
        "all --learning_rate=0.001",
        "all --learning_rate=0.003",
    ]


def test_a_component_that_stands_alone_is_its_name(made):
    """Whatever it was tuned to."""
    for rate in ("0.001", "0.003"):
        made(f"all-{rate}", "all", drawn(0, 0.3), learning_rate=rate)
    made("cls", "cls", drawn(0, 0.3), learning_rate="0.02", patience="7")
    names = [m.name for m in compare(find_runs("runs", "runs")).methods]
    assert names == [
        "all --learning_rate=0.001",
        "all --learning_rate=0.003",
        "cls",
    ]


@pytest.mark.parametrize(
    ("other", "message"),
    [
        ({"data": "e"}, "their data differs, d and e"),
        ({"protocol": {"split": "time"}}, "split differs, random and time"),
        ({"protocol": {"split_seed": 1}}, "split_seed differs, 0 and 1"),
        ({"protocol": {"eval_negatives": 9}}, "eval_negatives differs"),
        ({"test": np.arange(1, 181)}, "tested on different instances"),
    ],
)
def test_runs_that_were_not_judged_alike_are_refused(made, other, message):
    made("one", "all", drawn(0, 0.3))
    made("two", "cls", drawn(0, 0.3), **other)
    with pytest.raises(InputError, match=message) as error:
        compare(find_runs("runs", "runs"))
    assert "one" in str(error.value) and "two" in str(error.value)


def test_an_earlier_run_was_split_by_its_seed(made):
    made("new", "all", drawn(0, 0.3), seed=2)
    old = made("old", "cls", drawn(0, 0.3), seed=2) / "metrics.json"
    result = json.loads(old.read_text())
    del result["protocol"]["split_seed"]
    old.write_text(json.dumps(result))
    with pytest.raises(InputError, match="split_seed differs, 0 and 2"):
        compare(find_runs("runs/new,runs/old", "runs"))


def test_one_seed_twice_is_refused(made):
    made("one", "all", drawn(0, 0.3))
    made("two", "all", drawn(1, 0.3))
    with pytest.raises(InputError, match="different seeds.*runs/one.*runs/two"):
        compare(find_runs("runs", "runs"))


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("runs/cls", ["cls"]),
        ("cls,runs/all-0", ["cls", "all-0"]),
        ("runs/all-*", ["all-0", "all-1"]),
        ("runs/cls,runs/c*", ["cls"]),
        ("runs", ["all-0", "all-1", "cls", "gumbel-0", "gumbel-1"]),
    ],
)
def test_runs_are_named_in_many_ways(three, text, names):
    assert [run.path.name for run in find_runs(text, "runs")] == names


@pytest.mark.parametrize("text", ["", "runs/none", "nothing/*"])
def test_what_is_not_there_is_said(three, text):
    with pytest.raises(InputError, match=r"--run: .*finished run"):
        find_runs(text, "runs")


def test_the_command_writes_what_it_prints(three, place, capfd):
    assert main.main(["--mode=compare", "--run=runs", "--output=t.csv"]) == 0
    shown = capfd.readouterr().out
    assert "Best by HR@5: gumbel, alone." in shown
    with open("t.csv") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 3 * 3 + 9
    code = main.main(["--mode=compare", "--run=runs", "--output=t.pdf"])
    assert code == 1
    assert "--output: expected a file that ends in one of .md, .csv, .tex" in (
        capfd.readouterr().err
    )
