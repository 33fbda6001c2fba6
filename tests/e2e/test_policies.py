"""Policies, tuners and tasks as a person runs them."""

import functools
import pathlib

import numpy as np
import pytest
from running import (
    SMALL,
    call_here,
    kill_when,
    metrics,
    rows,
    run_here,
    start,
)

from tfxdr.evaluation import Actions, Predictions
from tfxdr.evaluation.arrays import load_arrays

PLUGIN = pathlib.Path(__file__).parents[2] / "plugins" / "long_history.py"
QUICK = [*SMALL, "--epochs=2", "--pretrain_epochs=2"]


@pytest.fixture(scope="module")
def learned(tmp_path_factory):
    """A folder with two learned policies under `run`."""
    folder = tmp_path_factory.mktemp("learned")
    return folder, run_here(folder, *QUICK, "--policy=gumbel,soft", "--run=run")


def test_a_run_stores_and_draws_its_actions(learned):
    folder, out = learned
    for policy in ("gumbel", "soft"):
        run = folder / "run" / policy
        assert {
            "actions.npz",
            "utilization.png",
            "utilization_by_length.png",
            "user_choices.png",
        } <= {path.name for path in run.iterdir()}
        actions = Actions.load(run / "actions.npz")
        told = metrics(run)["actions"]
        assert actions.is_hard == (policy == "gumbel")
        np.testing.assert_allclose(told["rates"], actions.rates)
        mean = actions.actions.mean(dtype=np.float64)
        np.testing.assert_allclose(told["mean"], mean, rtol=1e-6)
        users = load_arrays(
            run / "ranks.npz", "ranks", {"user": np.int32, "rank": np.int32}
        )["user"]
        np.testing.assert_array_equal(np.unique(users), actions.users)
        assert list((run / "tensorboard" / "policy").iterdir())
        assert "actions/variance" in (run / "history.csv").read_text()
    assert (folder / "run" / "utilization.png").is_file()
    assert "| gumbel " in out and "| soft " in out


@pytest.mark.parametrize("policy", ["gumbel", "soft"])
def test_evaluate_and_recommend_read_it_back(
    learned, policy, monkeypatch, capfd
):
    folder, _ = learned
    flags = ["--mode=evaluate", f"--run=run/{policy}"]
    code, out, err = call_here(folder, monkeypatch, capfd, *flags)
    assert code == 0, err
    assert f"{metrics(folder / 'run' / policy)['test']['hr@5']:.4f}" in out
    flags = ["--mode=recommend", f"--run=run/{policy}", "--user=u00007"]
    code, out, err = call_here(folder, monkeypatch, capfd, *flags)
    assert code == 0, err
    assert "tuned blocks" in out


def ranked(out):
    """Items in a printed table, and the line on blocks."""
    lines = out.splitlines()
    items = [line.split()[1] for line in lines if line.strip()[:1].isdigit()]
    return items, lines[-1]


@pytest.mark.large
def test_an_export_answers_as_its_run_does(learned, monkeypatch, capfd):
    folder, _ = learned

    def go(*flags):
        code, out, err = call_here(folder, monkeypatch, capfd, *flags)
        assert code == 0, err
        return out

    run = "--run=run/gumbel"
    out = go("--mode=export", run, "--export_dir=shop", "--k_max=5")
    assert "export: shop/1" in out and "--model_base_path=" in out
    assert "warm-up: 8 records" in out
    ask = ["--mode=recommend", "--history=s00012,new,s00007", "--k=5"]
    served = go(*ask, "--export_dir=shop")
    assert "export: shop/1" in served and "new is not in" in served
    items, blocks = ranked(served)
    assert (items, blocks) == ranked(go(*ask, run)) and len(items) == 5
    (folder / "stock.txt").write_text("\n".join(sorted(items)[:2]) + "\n")
    stock = "--refresh_candidates=stock.txt"
    out = go("--mode=export", run, "--export_dir=shop", stock)
    assert "export: shop/2" in out
    left, _ = ranked(go(*ask, "--export_dir=shop"))
    assert left == [item for item in items if item in sorted(items)[:2]]


def test_a_run_is_exported_once_when_it_is_done(learned, monkeypatch, capfd):
    folder, _ = learned

    def go(*more):
        flags = ["--run=run/soft", "--resume", "--export_dir=done", *more]
        code, out, err = call_here(folder, monkeypatch, capfd, *flags)
        assert code == 0, err
        return out

    assert "export: done/1, whose answers" in go()
    assert "export: done/1 is of this run already" in go()
    assert "export: done/2, whose answers" in go("--k_max=5")


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--policy=all,cls"], "one run, found 2 that are compared"),
        (["--policy=all", "--seed=1,2"], "one run, found 2"),
        (["--distribute=mirrored"], "is exported on one machine"),
        (["--mode=sweep"], "--mode=run, export or recommend, found --mode=sw"),
    ],
)
def test_what_is_not_exported_when_it_is_done(
    tmp_path, monkeypatch, capfd, flags, words
):
    flags = [*SMALL, *flags, "--run=run", "--export_dir=never"]
    code, _, err = call_here(tmp_path, monkeypatch, capfd, *flags)
    assert code == 1
    assert words in err
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--mode=export"], ["--export_dir=FOLDER"]),
        (["--mode=export", "--export_dir=x"], ["--run=FOLDER"]),
        (
            ["--mode=export", "--export_dir=x", "--run=run"],
            ["gumbel", "set --run to one of them"],
        ),
        (["--mode=recommend", "--export_dir=x", "--history=a"], ["no export"]),
        (
            [
                "--mode=recommend",
                "--export_dir=x",
                "--run=run/soft",
                "--history=a",
            ],
            ["one of the two"],
        ),
    ],
)
def test_an_export_needs_a_run_and_a_place(
    learned, monkeypatch, capfd, flags, words
):
    code, _, err = call_here(learned[0], monkeypatch, capfd, *flags)
    assert code == 1
    assert all(word in err for word in words), err


@pytest.mark.parametrize(
    ("lines", "words"),
    [
        (None, "cannot read it: No such file"),
        ("", "expected raw target ids, one a line"),
        ("t00001\nt00002\nt00001\n", "line 3: t00001 stands in line 1"),
        ("t00001\nnothing\n", "such as 'nothing'"),
    ],
)
def test_candidates_that_cannot_be(learned, monkeypatch, capfd, lines, words):
    folder, _ = learned
    path = folder / "candidates.txt"
    path.unlink(missing_ok=True)
    if lines is not None:
        path.write_text(lines)
    flags = ["--mode=export", "--run=run/soft", "--export_dir=never"]
    code, _, err = call_here(
        folder, monkeypatch, capfd, *flags, f"--refresh_candidates={path}"
    )
    assert code == 1
    assert words in err
    assert not (folder / "never").exists()


@pytest.mark.parametrize(
    "flags",
    [
        [
            "--policy=all",
            "--tuner=adapter-serial",
            "--backbone=gru4rec(channels=8)",
        ],
        pytest.param(
            [
                "--policy=gumbel",
                "--tuner=adapter-parallel",
                "--backbone=bert4rec(channels=8)",
                "--policy_network=attention",
            ],
            marks=pytest.mark.large,
        ),
        pytest.param(
            [
                "--policy=random",
                "--backbone=sasrec(channels=8)",
                "--pooling=mean",
            ],
            marks=pytest.mark.large,
        ),
        ["--policy=mtl", "--train_fraction=0.5"],
        pytest.param(
            [
                "--policy=rl-scst(policy_start_epoch=0)",
                "--policy_network=gru",
                "--policy_learning_rate=0.001",
                "--pretrained_learning_rate=0.0001",
            ],
            marks=pytest.mark.large,
        ),
    ],
    ids=" ".join,
)
def test_parts_combine(tmp_path, monkeypatch, capfd, flags):
    few = ["--epochs=1", "--pretrain_epochs=0", "--run=run"]
    code, out, err = call_here(
        *(tmp_path, monkeypatch, capfd, *QUICK, *flags, *few)
    )
    assert code == 0, err
    test = metrics(tmp_path / "run")["test"]
    assert all(0 <= value <= 1 for value in test.values())


@pytest.mark.large
def test_the_example_of_a_plugin_decides_as_it_says(
    learned, monkeypatch, capfd
):
    folder, _ = learned
    flags = [f"--plugins={PLUGIN}", "--policy=long-history(least=9)"]
    flags = [*QUICK, *flags, "--epochs=1", "--run=plugin"]
    code, out, err = call_here(folder, monkeypatch, capfd, *flags)
    assert code == 0, err
    assert "| long-history(least=9) |" in out
    actions = Actions.load(folder / "plugin" / "actions.npz")
    long = (actions.history_length >= 9).astype(np.float32)
    assert 0 < long.mean() < 1
    np.testing.assert_array_equal(
        actions.actions, np.repeat(long[:, None], 2, axis=1)
    )


@pytest.mark.parametrize(
    "policy", [pytest.param("all", marks=pytest.mark.large), "rl-scst"]
)
def test_a_profile_is_predicted(learned, policy, monkeypatch, capfd):
    folder, _ = learned
    flags = ["--task=profile", "--attribute=temper", f"--policy={policy}"]
    flags = [*QUICK, *flags, f"--run=profile-{policy}", "--eval_negatives=0"]
    code, out, err = call_here(folder, monkeypatch, capfd, *flags)
    assert code == 0, err
    result = metrics(folder / f"profile-{policy}")
    assert set(result["test"]) == {"accuracy", "macro_f1"}
    assert f"{result['test']['accuracy']:.4f}" in out
    assert f"{result['test']['macro_f1']:.4f}" in out
    assert result["protocol"]["attribute"] == "temper"
    types = {"label": np.int32, "prediction": np.int32}
    path = folder / f"profile-{policy}" / "predictions.npz"
    found = load_arrays(path, "predictions", types)
    right = np.mean(found["label"] == found["prediction"])
    assert result["test"]["accuracy"] == pytest.approx(right)
    assert Predictions(np.arange(len(found["label"])), **found)
    code, out, err = call_here(
        folder,
        monkeypatch,
        capfd,
        "--mode=recommend",
        f"--run=profile-{policy}",
        "--user=u00007",
    )
    assert code == 1
    assert "--task=profile" in err
    if policy != "all":
        return  # it is exported as every other one is
    code, out, err = call_here(
        folder,
        monkeypatch,
        capfd,
        "--mode=export",
        f"--run=profile-{policy}",
        f"--export_dir=classes-{policy}",
    )
    assert code == 0, err


@pytest.mark.parametrize(
    ("flags", "words"),
    [
        (["--policy=gumbl"], ["gumbel"]),
        (["--tuner=adapter"], ["--tuner", "adapter-serial"]),
        (["--policy_network=lstm"], ["--policy_network", "gru"]),
        (["--policy=gumbel(temperature=0)"], ["temperature", "above 0"]),
        (["--task=profile"], ["--attribute=NAME"]),
        (["--attribute=temper"], ["--task=profile"]),
        (["--task=profile", "--attribute=shoe"], ["shoe", "temper"]),
        (
            ["--task=profile", "--attribute=temper", "--monitor=hr@5"],
            ["--monitor", "accuracy"],
        ),
        (["--policy=rl-scst(top_k=100)"], ["top_k", "num_negatives"]),
        (["--tuner=adapter-serial(reduction=0)"], ["--tuner", "reduction"]),
        (
            ["--policy=soft", "--policy_network=attention(num_heads=3)"],
            ["--policy_network", "num_heads"],
        ),
        (
            ["--task=profile", "--attribute=temper", "--split=time"],
            ["--split", "random"],
        ),
        (
            ["--task=profile", "--attribute=temper", "--eval_negatives=9"],
            ["--eval_negatives"],
        ),
        (["--backbone=sasrec(channels=7,num_heads=2)"], ["num_heads"]),
    ],
)
def test_mistakes_get_one_clear_sentence(
    tmp_path, monkeypatch, capfd, flags, words
):
    code, out, err = call_here(tmp_path, monkeypatch, capfd, *SMALL[:2], *flags)
    assert code == 1, (out, err)
    assert "epoch " not in out, "it should be found before training"
    message = err[err.index("error: ") :]
    assert all(word in message for word in words), message
    assert "Traceback" not in err


@pytest.mark.large
def test_a_run_killed_twice_ends_with_the_same_metrics(
    learned, tmp_path, monkeypatch, capfd
):
    # Its own cache: pre-training must happen again, and be killed.
    first = [*QUICK, "--policy=gumbel", "--checkpoint_seconds=0"]
    run = tmp_path / "run"
    for stage, flags in (("pretrain", first), ("retrain", ["--resume"])):
        process = start(tmp_path, *flags, "--run=run")
        kill_when(process, functools.partial(rows, run, stage))
        assert not (run / "metrics.json").exists()
    flags = ["--resume", "--run=run"]
    code, _, err = call_here(tmp_path, monkeypatch, capfd, *flags)
    assert code == 0, err
    whole, resumed = metrics(learned[0] / "run/gumbel"), metrics(run)
    for part in ("test", "actions"):
        assert resumed[part] == whole[part]
    for stage in ("pretrain", "validation"):
        for one in (whole[stage], resumed[stage]):
            one.pop("seconds")
            one.pop("cached", None)
        assert resumed[stage] == whole[stage]


@pytest.mark.large
def test_a_policy_that_learns_on_trains_the_rest_anew(
    learned, monkeypatch, capfd
):
    folder, _ = learned

    def go(run, *flags):
        code, _, err = call_here(
            folder, monkeypatch, capfd, *flags, f"--run={run}"
        )
        assert code == 0, err
        return folder / run

    few = ["--backbone=nextitnet(channels=4,dilations=[1,2])"]
    flags = [*QUICK, *few, "--policy=soft", "--pretrain_epochs=1"]
    whole = go("whole", *flags, "--epochs=3")
    longer = go("longer", *flags)
    assert [p.name for p in (longer / "checkpoints").glob("retrain*")] == [
        "retrain-after-2"
    ]
    go("longer", "--resume", "--epochs=3")
    assert [p.name for p in (longer / "checkpoints").glob("retrain*")] == [
        "retrain-after-3"
    ]
    assert rows(longer, "finetune") == rows(longer, "retrain") == 3
    for part in ("test", "actions"):
        assert metrics(longer)[part] == metrics(whole)[part]
    once = go("once", *flags, "--epochs=3", "--policy_retrain=false")
    assert rows(once, "finetune") == 3 and not rows(once, "retrain")
