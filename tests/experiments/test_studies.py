"""A page of all studies in a folder."""

import functools
import shutil

import numpy as np
import pytest
from made_runs import drawn, made_run

from tfxdr import main
from tfxdr.errors import InputError
from tfxdr.evaluation import Actions
from tfxdr.experiments.finished_runs import find_runs
from tfxdr.experiments.publications import agreement
from tfxdr.experiments.rules import best_rule
from tfxdr.experiments.studies import find_studies
from tfxdr.experiments.worlds import over_worlds
from tfxdr.modes.sweep import _only_counts, in_world

ORACLE = "oracle(attribute=kind,tuned=shifted)"


@pytest.fixture
def runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return tmp_path / "runs"


@pytest.fixture
def made(runs):
    """As training leaves it, at a cost, with a validation."""

    def make(study, name, policy, share, *, mrr=0.1, aucs=None, **more):
        cost = {"finetune": {"seconds": 60.0, "peak_bytes_so_far": 2**30}}
        result = {
            "cost": cost,
            "backbone": "nextitnet",
            "dataset": more.get("dataset", "planted-policies"),
            "data": {
                "fingerprint": more.pop("data", "d"),
                "counts": {"users": 60},
            },
        }
        if policy != "popularity":
            result["validation"] = {
                "mrr@5": mrr,
                "best_epoch": 3.0,
                "epochs": 4.0,
                "seconds": 60.0,
            }
        if aucs:
            result["actions"] = {
                "rates": [0.25, 0.75],
                "collapsed": False,
                "auc": max(aucs),
            }
        seed = more.get("seed", 0)
        folder = made_run(
            runs / study,
            name,
            policy,
            drawn(seed + int(100 * share), share),
            result=result,
            **more,
        )
        if aucs:
            Actions(
                np.arange(2, dtype=np.int32),
                np.array([[0, 1], [1, 0]], np.float32),
                np.full(2, 5, np.int32),
            ).save(folder / "actions.npz")
        return folder

    return make


@pytest.fixture
def worlds(made):
    for world in range(3):
        more = {
            "seed": world,
            "data": f"world-{world}",
            "dataset": f"planted-policies(seed={world},users=60)",
            "protocol": {"split_seed": world},
        }
        add = functools.partial(made, "scarce", **more)
        add(f"all-world-{world}", "all", 0.3, mrr=0.3)
        add(f"cls-world-{world}", "cls", 0.2, mrr=0.1)
        add(f"gumbel-world-{world}", "gumbel", 0.6, aucs=[0.2, 0.9])
        add(f"oracle-world-{world}", ORACLE, 0.8, aucs=[1.0, 1.0])


def test_each_folder_of_runs_is_a_study(made, runs):
    made("one", "all", "all", 0.3)
    made("deep/two", "all", "all", 0.3)
    made("one/search/all", "trial-0", "all", 0.9)  # no result of the study
    found = find_studies(runs)
    assert [study.name for study in found] == ["two", "one"]
    assert [len(study.runs) for study in found] == [1, 1]
    with pytest.raises(InputError, match="no finished run in"):
        find_studies(runs / "one" / "search" / "all" / "trial-0" / "weights")


def test_a_folder_that_is_called_search_is_a_study_too(made, runs):
    made("search", "all", "all", 0.3)
    assert [study.name for study in find_studies(runs)] == ["search"]


def test_several_runs_in_a_world_are_one_observation(worlds, made, runs):
    made(
        "scarce",
        "gumbel-again",
        "gumbel",
        0.4,
        aucs=[0.5, 0.5],
        seed=9,
        data="world-1",
        dataset="planted-policies(seed=1,users=60)",
        protocol={"split_seed": 1},
    )
    ((group,),) = (study.groups() for study in find_studies(runs))
    table, *_ = over_worlds(group)
    (row,) = (row for row in table.rows if row[0] == "gumbel")
    assert row[1] == "3"
    by_world = {}
    for run in group:
        if run.component == "gumbel":
            hits = run.result["test"]["hr@5"]
            by_world.setdefault(run.judged_by["data"], []).append(hits)
    means = [np.mean(hits) for hits in by_world.values()]
    assert row[2].startswith(f"{np.mean(means):.4f} ")


def test_the_best_rule_is_chosen_by_validation(made):
    made("one", "all", "all", 0.3, mrr=0.1)
    made("one", "cls", "cls", 0.2, mrr=0.2)
    made("one", "gumbel", "gumbel", 0.9, mrr=0.9, aucs=[0.5, 0.5])
    made("one", "popularity", "popularity", 0.9)
    made("one", "oracle", ORACLE, 0.9, mrr=0.9)  # it is told
    made("one", "own", "of-a-plugin", 0.1, mrr=0.05)  # which is not loaded
    assert best_rule(find_runs("runs/one", "runs")) == "cls"


def test_worlds_are_one_table(worlds, runs):
    (study,) = find_studies(runs)
    (group,) = study.groups()
    table, *words, gaps = over_worlds(group)
    rows = {
        row[0]: dict(zip(table.titles, row, strict=True)) for row in table.rows
    }
    assert rows["gumbel"]["worlds"] == "3"
    assert rows["gumbel"]["AUC, mean (least)"] == "0.900 (0.900)"
    rates = {
        name: [
            run.result["test"]["hr@5"] for run in group if run.component == name
        ]
        for name in ("all", "gumbel", ORACLE)
    }
    low, mid, high = (np.array(rates[n]) for n in ("all", "gumbel", ORACLE))
    shares = (mid - low) / (high - low)
    expected = f"{shares.mean():.2f} ({shares.min():.2f})"
    assert rows["gumbel"]["recovered"] == expected
    assert rows["all"]["recovered"] == "0.00 (0.00)"
    assert any("all is the best" in text for text in words)
    assert ["gumbel", "all", "HR@5"] in [row[:3] for row in gaps.rows]


def test_files_that_worlds_are_made_of_may_be_gone(made, runs):
    for world in range(2):
        source = "events(source='gone.csv',target='gone.csv')"
        made(
            "films",
            f"all-world-{world}",
            "all",
            0.3,
            seed=world,
            data=f"world-{world}",
            dataset=f"semi-planted(source={source},seed={world})",
            protocol={"split_seed": world},
        )
    ((group,),) = (study.groups() for study in find_studies(runs))
    table, *_ = over_worlds(group)
    assert [row[:2] for row in table.rows] == [["all", "2"]]


def test_agreement_with_a_publication(made):
    for name, share, figure in (
        ("all", 0.3, 0.5),
        ("cls", 0.9, 0.4),  # the publication has it the other way round
        ("zero", 0.29, 0.1),
    ):
        made("one", name, name, share, published=f"hr@5={figure}")
    (text,) = agreement(find_runs("runs/one", "runs"))
    assert text == (
        "Of the 3 pairs that the publication orders by HR@5, 1 come out so, "
        "1 are level here and 1 are the other way round: not all over cls."
    )


def test_the_page(worlds, made, runs, capsys):
    data = {"dataset": "events(target='/home/me/b.csv')"}
    made("real", "all", "all", 0.3, **data)
    made("real", "gumbel", "gumbel", 0.7, aucs=[0.5, 0.6], **data)
    (runs / "real" / "sweep.flags").write_text("--mode=sweep\n--sweep=f\n")
    best = runs / "real" / "search" / "all" / "best.flags"
    best.parent.mkdir(parents=True)
    best.write_text("# best\n--learning_rate=0.01\n")
    words = ["tfxdr", "--mode=results", "--run=runs", "--output=R.md"]
    assert main.main(words) == 0, capsys.readouterr().err
    text = (runs.parent / "R.md").read_text()
    assert "events(target='b.csv')" in text and "/home" not in text
    assert "12 runs, 12m00s in all, 1.00 GiB at most" in text
    assert "2 runs, 2m00s in all, 1.00 GiB at most" in text
    assert "## scarce" in text and "## real" in text
    assert "--sweep=f" in text
    assert "| all | --learning\\_rate=0.01 |" in text
    assert "| gumbel | all | HR@5 | +0." in text


def test_a_page_keeps_what_it_tells_of_runs_that_are_gone(made, runs, capsys):
    def write(output="R.md"):
        words = ["tfxdr", "--mode=results", "--run=runs", f"--output={output}"]
        assert main.main(words) == 0
        return (runs.parent / output).read_text(), capsys.readouterr().out

    made("a_first", "all", "all", 0.3)
    (runs / "a_first" / "sweep.flags").write_text("--mode=sweep\n## no title\n")
    made("last", "all", "all", 0.3)
    both, said = write()
    assert "kept" not in said
    shutil.rmtree(runs / "a_first")
    again, said = write()
    assert again == both
    assert "kept, as their runs are not in runs: a_first" in said
    assert "a_first" not in write("R.html")[0]
    (runs.parent / "mine.md").write_bytes(b"# Mine\n\n## a_first\n\xff\n")
    assert "a_first" not in write("mine.md")[0]  # it is no page of results
    made("last", "cls", "cls", 0.2)
    more, _ = write()
    first = both.partition("## last")[0]
    assert more.startswith(first) and "| cls |" in more.removeprefix(first)


def test_a_search_knows_what_only_counts(tmp_path, registries):
    """By the options of a flagfile, with the plugins that it names."""
    plugin = tmp_path / "plugin.py"
    plugin.write_text(
        "import tfxdr\n"
        "@tfxdr.policies.register('nobody')\n"
        "class Nobody(tfxdr.Policy):\n"
        "    def static_actions(self, num_blocks):\n"
        "        return (0,) * num_blocks\n"
    )
    path = tmp_path / "a.flags"
    path.write_text(f"--plugins={plugin}\n--policy=popularity,nobody\n")
    assert not _only_counts([f"--flagfile={path}"])
    assert _only_counts([f"--flagfile={path}", "--policy=popularity"])
    assert _only_counts(["--policy", "popularity,item-knn"])
    assert not _only_counts([])


def test_a_command_line_in_another_world(tmp_path):
    path = tmp_path / "a.flags"
    path.write_text("--dataset planted-policies(users=9, seed=4)\n")
    words = in_world([f"--flagfile={path}", "--threads=1"], 7)
    assert words[-3:] == [
        "--dataset=planted-policies(seed=7,users=9)",
        "--split_seed=7",
        "--seed=7",
    ]
    assert in_world([], 2)[0] == "--dataset=planted-policies(seed=2)"
    with pytest.raises(InputError, match="--worlds: expected generated data"):
        in_world(["--dataset=movielens"], 2)
