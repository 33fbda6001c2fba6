"""Joint models and meta-learners as a person runs them."""

import json
import re

import numpy as np
import pytest
from running import call_here, kill_when, metrics, rows, run_here, start

from tfxdr.evaluation import BehaviorWeights, Probabilities
from tfxdr.experiments import joint_contender

HARMFUL = "category=harmful"
ORACLE = f"oracle({HARMFUL})"
QUICK = [
    "--dataset=planted(users=80,source_items=100,target_items=40)",
    "--split=leave-one-out",
    "--backbone=conet(hidden=[8,4])",
    "--meta=bip",
    "--bip_interval=2",
    "--bip_head_steps=3",
    "--epochs=3",
    "--batch_size=128",
    "--learning_rate=0.01",
    "--cache_dir=cache",
]


@pytest.fixture
def go(monkeypatch, capfd):
    def run(folder, *flags):
        return call_here(folder, monkeypatch, capfd, *flags)

    return run


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("joint")


@pytest.fixture(scope="module")
def weighed(folder):
    """A folder with a run of meta-learners, and what it printed.

    What is harmful is told to one of them, and to the explanation.
    """
    flags = (f"--meta=none,bip,{ORACLE}", f"--explain_by={HARMFUL}")
    out = run_here(folder, *QUICK, *flags, "--run=run")
    return folder / "run", out


def test_a_run_stores_probabilities_weights_and_figures(weighed):
    run, out = weighed
    for row in ("none", "bip", "popularity", "bias", "item-knn"):
        assert f"| {row} " in out
    test = metrics(run / "bip")["test"]
    examples = Probabilities.load(run / "bip" / "probabilities.npz")
    assert examples.metrics()["auc"] == pytest.approx(test["auc"], abs=1e-6)
    assert {"source_auc", "source_log_loss", "hr@5"} <= set(test)
    weights = BehaviorWeights.load(run / "bip" / "behavior_weights.npz")
    assert len(np.unique(weights.user)) == 80
    assert (run / "bip" / "behavior_weights.png").stat().st_size > 10_000
    assert not (run / "none" / "behavior_weights.npz").exists()
    assert metrics(run / "bip")["meta"] == "bip"


def test_evaluate_reads_it_back(weighed, folder, go):
    run, _ = weighed
    code, out, err = go(folder, "--mode=evaluate", "--run=run/bip")
    assert code == 0, err
    assert f"{metrics(run / 'bip')['test']['auc']:.4f}" in out


def test_explain_shows_the_most_and_the_least_useful(weighed, folder, go):
    flags = ["--mode=explain", "--run=run/bip", "--user=u000007", "--k=3"]
    code, out, err = go(folder, *flags)
    assert code == 0, err
    lines = out.splitlines()
    first = next(i for i, line in enumerate(lines) if "useful" in line) + 1
    labels = [line[:7].strip() for line in lines[first:] if line.strip()]
    assert labels == ["most", "", "", "least", "", ""]
    weights = [float(line[7:].split()[0]) for line in lines[first:] if line]
    assert weights[:3] == sorted(weights[:3], reverse=True)
    assert weights[3:] == sorted(weights[3:])


def test_recommend_answers_for_a_user_and_refuses_a_history(
    weighed, folder, go
):
    flags = ["--mode=recommend", "--run=run/none", "--k=3"]
    code, out, err = go(folder, *flags, "--user=u000007")
    assert code == 0, err
    assert len(out.strip().splitlines()) >= 4
    code, _, err = go(folder, *flags, "--history=s0001")
    assert code == 1
    assert "--user=ID" in err


@pytest.mark.parametrize("mode", ["recommend", "export"])
def test_who_is_below_popularity_is_said_to_be(weighed, folder, go, mode):
    flags = [f"--mode={mode}", "--run=run/none"]
    if mode == "recommend":
        flags.append("--user=u000007")
    else:
        flags.append("--export_dir=warned")
    found = metrics(folder / "run" / "none")
    popular = found["baselines"]["popularity"]["ndcg@5"]
    path = folder / "run" / "none" / "metrics.json"
    before = path.read_text()
    for own in (popular, popular - 0.01):
        found["test"]["ndcg@5"] = own
        path.write_text(json.dumps(found))
        code, out, err = go(folder, *flags)
        assert code == 0, err
        said = "none ranks below popularity in its test (NDCG@5 "
        assert (said in out + err) == (own < popular)
    path.write_text(before)


def test_an_export_answers_for_a_user(weighed, folder, go):
    flags = ["--mode=export", "--run=run/bip", "--export_dir=shop"]
    code, out, err = go(folder, *flags)
    assert code == 0, err
    assert "warm-up: 4 records" in out
    flags = ["--mode=recommend", "--export_dir=shop", "--k=3"]
    code, out, err = go(folder, *flags, "--user=u000007")
    assert code == 0, err
    assert len(out.strip().splitlines()) >= 4
    for wrong, words in (
        ("--user=nobody", "the model knows no such user"),
        ("--history=s0001", "knows users by their ids alone"),
    ):
        code, _, err = go(folder, *flags, wrong)
        assert code == 1
        assert words in err


def test_an_export_without_histories_has_none_to_leave_out(weighed, folder, go):
    flags = ["--mode=export", "--run=run/bip", "--export_dir=never"]
    code, _, err = go(folder, *flags, "--exclude_history")
    assert code == 1
    assert "--exclude_history" in err
    assert not (folder / "never").exists()


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--policy=gumbel"], "whose choice is --meta="),
        (["--tuner=adapter-serial"], "--tuner=adapter-serial means nothing"),
        (["--backbone=conet(only_target=true)"], "--meta=none"),
        (["--meta_fraction=0"], "--meta_fraction"),
        (["--backbone=nextitnet"], "--meta=bip means nothing"),
        (["--mode=pretrain"], "trained together"),
        (["--positive_above=9"], "--positive_above"),
        (["--monitor=accuracy"], "--monitor"),
        (["--optimizer=multi(pretrained=0.1)"], "all are new"),
        (["--meta=bop"], "did you mean 'bip'"),
    ],
    ids=lambda value: value if isinstance(value, str) else value[0],
)
def test_what_makes_no_sense_is_refused(folder, go, flags, message):
    code, _, err = go(folder, *QUICK, *flags, "--run=wrong")
    assert code == 1
    assert message in err


def test_unrated_events_are_ranked_and_judged(folder, go):
    flags = [
        *QUICK,
        "--dataset=synthetic(users=80,source_items=60,target_items=40)",
        "--backbone=ddtcdr(hidden=[8,4])",
        "--meta=gcs",
        "--split=random",
        "--monitor=hr@5/uni10",
        "--eval_negatives=10",
        "--epochs=10",
        "--run=unrated",
    ]
    code, _, err = go(folder, *flags)
    assert code == 0, err
    result = metrics(folder / "unrated")
    assert "hr@5/uni10" in result["validation"]
    assert result["test"]["auc"] > 0.5


def test_a_new_model_is_trained_by_what_was_found(weighed, folder, go):
    run, found = folder / "run", folder / "found"
    assert rows(run / "bip", "joint") == rows(run / "bip", "retrain") == 3
    assert not rows(run / "none", "retrain")
    # All users are tested here, so that a run leaves what all behaviors weigh.
    flags = [f"--meta=found(run={run / 'bip'})", "--meta_fraction=0"]
    code, _, err = go(folder, *QUICK, *flags, f"--run={found}")
    assert code == 0 and not rows(found, "retrain"), err
    test = metrics(found)["test"]
    assert metrics(run / "bip")["test"] == pytest.approx(test, rel=1e-5)


def test_a_new_model_that_is_worse_goes(folder, go, monkeypatch):
    searched, kept = folder / "searched", folder / "kept"
    flags = [*QUICK, "--meta_retrain=false", f"--run={searched}"]
    code, _, err = go(folder, *flags)
    assert code == 0 and not rows(searched, "retrain"), err

    def goes(contender, again, before, **_):
        return False, before

    monkeypatch.setattr(joint_contender, "once_more", goes)
    code, _, err = go(folder, *QUICK, f"--run={kept}")
    assert code == 0, err
    for part in ("test", "validation"):
        test = dict(metrics(kept)[part])
        wanted = dict(metrics(searched)[part])
        assert test.pop("seconds", 0) >= 0 <= wanted.pop("seconds", 0)
        assert test == wanted


def test_what_was_found_before_the_search_went_on_goes(folder, go):
    longer = folder / "longer"
    for epochs in (1, 2):
        flags = [f"--epochs={epochs}", f"--run={longer}", "--resume"]
        code, _, err = go(folder, *QUICK, *flags)
        assert code == 0, err
        found = [p.name for p in (longer / "checkpoints").glob("retrain*")]
        assert found == [f"retrain-after-{epochs}"]
        assert rows(longer, "retrain") == epochs


@pytest.mark.large
@pytest.mark.parametrize(("stage", "epochs"), [("joint", 2), ("retrain", 1)])
def test_a_killed_run_goes_on_to_the_same_numbers(
    weighed, folder, go, stage, epochs
):
    whole, cut = folder / "run" / "bip", folder / f"cut-{stage}"
    flags = [*QUICK, f"--run={cut}", "--checkpoint_seconds=0"]
    kill_when(start(folder, *flags), lambda: rows(cut, stage) >= epochs)
    code, _, err = go(folder, *flags, "--resume")
    assert code == 0, err
    assert metrics(cut)["test"] == metrics(whole)["test"]
    one, other = (
        BehaviorWeights.load(run / "behavior_weights.npz")
        for run in (whole, cut)
    )
    np.testing.assert_array_equal(one.log_importance, other.log_importance)


class TestExplained:
    """The same run, against what was planted."""

    def part(self, weighed, title):
        text = weighed[1].partition(f"\n{title}\n")[2]
        return " ".join(text.split("\n\n")[0].split())

    def test_rows_are_compared_by_auc(self, weighed):
        numbers = self.part(weighed, "What the numbers mean")
        assert "AUC: the chance that a random" in numbers
        star = self.part(weighed, "Which differences count")
        assert "By AUC it is " in star
        lessons = self.part(weighed, "What the rows teach")
        assert "Weighing behavior by behavior: bip 0." in lessons
        assert f"Head-room: {ORACLE} is" in lessons
        assert "standard error of 0." in lessons

    def test_weights_beside_the_truth_in_words_and_in_results(self, weighed):
        text = self.part(weighed, "Which behaviors count")
        found = metrics(weighed[0] / "bip")["behaviors"]
        bad, good = (found["by_group"][k] for k in ("harmful", "helpful"))
        assert f"of {bad:.2f} for harmful and {good:.2f} for helpful" in text
        assert f"an AUC of {found['auc']:.3f} (0.5 is" in text
        # Some 28 of a user's 40 are harmful; the mean of all weights is 1.
        assert 0.7 * bad + 0.3 * good == pytest.approx(1, abs=0.02)
        assert "picture: run/bip/behavior_weights.png" in text

    def test_what_to_type_next_works(self, weighed, folder, go):
        text = weighed[1].partition("\nWhat to type next\n")[2]
        first = re.search(r"--mode=.*", text).group().replace("'", "")
        code, out, err = go(folder, *first.split())
        assert code == 0 and out, err

    def test_a_report_has_the_truth_in_a_table(self, weighed):
        page = (weighed[0] / "report.html").read_text()
        assert "Told apart" in page
        auc = metrics(weighed[0] / "bip")["behaviors"]["auc"]
        assert f"{auc:.4f}" in page
        assert f"{metrics(weighed[0] / 'bip')['test']['auc']:.4f}" in page

    @pytest.mark.parametrize(
        ("given", "message"),
        [
            ("kind", "of the source items, one of category, found 'kind'"),
            ("category=odd", "one of harmful, helpful, found 'odd'"),
        ],
    )
    def test_mistakes_are_found_before_training(
        self, tmp_path, go, given, message
    ):
        code, out, err = go(tmp_path, *QUICK, f"--explain_by={given}")
        assert code == 1
        assert f"error: --explain_by={given}: expected" in err
        assert message in err
        assert "joint:" not in out and not (tmp_path / "runs").exists()
