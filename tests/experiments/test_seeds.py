"""Several seeds: a run for each, on one split, and their mean."""

import csv
import dataclasses

import numpy as np
import pytest

import tfxdr
from tfxdr import main
from tfxdr.data.splits import TEST, VALIDATION
from tfxdr.errors import InputError
from tfxdr.experiments.tasks import NextTarget
from tfxdr.options import Options, groups
from tfxdr.options.earlier import unspoken

DATA = "synthetic(users=150,source_items=40,target_items=40)"
OPTIONS = {
    "backbone": "nextitnet(channels=4,dilations=[1,2])",
    "policy": "all,popularity",
    "pretrain_epochs": 1,
    "epochs": 3,
    "learning_rate": 0.01,
}


pytestmark = pytest.mark.usefixtures("in_place")


@pytest.fixture(scope="module")
def both(place):
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        return tfxdr.run(DATA, **OPTIONS, seed=[3, 5])


def test_every_component_has_a_run_for_each_seed(both):
    assert [(one.name, one.seed) for one in both] == [
        ("all", 3),
        ("popularity", 3),
        ("all", 5),
        ("popularity", 5),
    ]
    names = {path.parent.name for path in both.folder.glob("*/metrics.json")}
    assert names == {
        "all-seed-3",
        "all-seed-5",
        "popularity-seed-3",
        "popularity-seed-5",
    }
    assert both["all", 5].seed == 5
    with pytest.raises(KeyError, match=r"\[3, 5\].*\['all', 3\]"):
        both["all"]
    with pytest.raises(KeyError, match=r"\[3, 5\]"):
        both["all", 4]


def test_the_table_has_mean_and_deviation(both):
    values = [both["all", seed].metrics["mrr@10"] for seed in (3, 5)]
    assert values[0] != values[1]
    mean, deviation = np.mean(values), np.std(values, ddof=1)
    assert f"{mean:.4f} \u00b1 {deviation:.4f}" in (
        both.folder / "results.md"
    ).read_text("utf-8")
    with (both.folder / "results.csv").open() as file:
        rows = {row["policy"]: row for row in csv.DictReader(file)}
    assert float(rows["all"]["mrr@10"]) == pytest.approx(mean)
    assert float(rows["all"]["mrr@10 deviation"]) == pytest.approx(deviation)
    assert float(rows["popularity"]["mrr@10 deviation"]) == 0
    assert rows["item-knn"]["mrr@10 deviation"] == ""


def test_all_seeds_are_judged_on_the_same_instances(both):
    one, other = (np.load(both["all", s].folder / "ranks.npz") for s in (3, 5))
    assert np.array_equal(one["item"], other["item"])
    assert not np.array_equal(one["rank"], other["rank"])


def test_another_split_seed_is_another_split(both):
    other = tfxdr.run(DATA, **OPTIONS, seed=3, split_seed=1)
    one = np.load(both["all", 3].folder / "ranks.npz")["item"]
    assert not np.array_equal(
        one, np.load(other["all"].folder / "ranks.npz")["item"]
    )


def test_a_seed_among_several_gives_the_numbers_of_one_alone(both):
    alone = tfxdr.run(DATA, **OPTIONS, seed=5)
    assert alone["all"].metrics == both["all", 5].metrics


def test_the_best_is_the_best_on_average(both, monkeypatch):
    for seed, value in ((3, 0.1), (5, 0.3)):
        validation = both["all", seed].result["validation"]
        monkeypatch.setitem(validation, "mrr@5", value)
    assert both.best is both["all", 5]


def test_one_component_has_folders_of_seeds_alone(place, capfd):
    flags = [f"--dataset={DATA}", "--policy=popularity", "--seed=0,1"]
    assert main.main([*flags, "--run=counted"]) == 0
    assert {p.parent.name for p in place.glob("counted/*/metrics.json")} == {
        "seed-0",
        "seed-1",
    }
    assert "popularity-" not in capfd.readouterr().err
    shown = main.main(["--mode=evaluate", "--run=counted/seed-1"])
    assert shown == 0


def test_a_mode_that_needs_one_seed_says_so(capfd):
    flags = [f"--dataset={DATA}", "--mode=pretrain", "--seed=0,1"]
    assert main.main(flags) == 1
    assert "--seed: expected one with --mode=pretrain, found 0,1" in (
        capfd.readouterr().err
    )


@pytest.mark.parametrize("seeds", [(), (1, 1)])
def test_seeds_are_different_ones(seeds):
    with pytest.raises(InputError, match="--seed: expected one number or"):
        groups.Run(seed=seeds)


def test_an_earlier_run_was_split_by_its_seed():
    text = "--seed=4\n--policy=all\n"
    assert unspoken(text) == [
        "--split_seed=4",
        "--head_start=random",
        "--policy_standardize=false",
        "--policy_start=0.5",
        "--policy_decay=0.0",
        "--policy_embedding=trained",
        "--policy_retrain=false",
        "--meta_retrain=false",
        "--joint_negatives=0",
        "--joint_start=random",
    ]
    read = Options.from_flagfile(text, "options.flags")
    assert (read.seed, read.data.split_seed) == (4, 4)
    now = dataclasses.replace(Options(), run=groups.Run(seed=(4,)))
    assert unspoken(now.to_flagfile()) == []


@pytest.mark.parametrize("seeds", ["0", "0,1"])
def test_what_is_judged_is_made_once_for_all_seeds(seeds, monkeypatch, capfd):
    made = []
    make = NextTarget._ranker

    def counted(task, split, negatives):
        made.append((split, negatives))
        return make(task, split, negatives)

    monkeypatch.setattr(NextTarget, "_ranker", counted)
    flags = [f"--dataset={DATA}", "--policy=popularity", "--eval_negatives=3"]
    flags += [f"--seed={seeds}", f"--run=once-{len(seeds)}"]
    assert main.main(flags) == 0
    assert sorted(made) == [(VALIDATION, 0), (TEST, 0), (TEST, 3)]
