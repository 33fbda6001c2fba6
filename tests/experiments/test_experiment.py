"""What is checked before training, and what competes in a ranking."""

import numpy as np
import pytest

from tfxdr import options
from tfxdr.data.splits import TEST, TRAIN, UNUSED, VALIDATION
from tfxdr.errors import InputError
from tfxdr.modes import make_experiment
from tfxdr.registry import policies

FLAGS = (
    "--dataset=synthetic(users=300,source_items=60,target_items=40)",
    "--backbone=nextitnet(channels=8,dilations=[1,2,4,8])",
)


def experiment(tmp_path, *flags):
    argv = ["tfxdr", f"--cache_dir={tmp_path}", *FLAGS, *flags]
    return make_experiment(options.parse(argv))


def check(tmp_path, policy, *flags):
    experiment(tmp_path, *flags).check(policies.parse_list(policy))


@pytest.mark.parametrize(
    ("policy", "flags", "message"),
    [
        ("last-9", (), r"last-9 asks for more blocks than .* \(2\)"),
        ("all,cls,all", (), "expected different policies"),
        ("all", ("--data_path=x",), "--data_path: expected a data source"),
        ("all", ("--split_fractions=0.8,0,0.2",), "validation split"),
        ("all", ("--split_fractions=0.8,0.2,0",), "test split"),
        (
            "all",
            ("--eval_negatives=90", "--monitor=hr@5/uni90"),
            "--eval_negatives",
        ),
    ],
)
def test_it_is_found_before_training(tmp_path, policy, flags, message):
    with pytest.raises(InputError, match=message):
        check(tmp_path, policy, *flags)


def test_good_options_pass(tmp_path):
    check(tmp_path, "popularity,zero,cls,last-2,all")


@pytest.mark.parametrize(
    ("split", "seen"),
    [(VALIDATION, (TRAIN, UNUSED)), (TEST, (TRAIN, UNUSED, VALIDATION))],
)
def test_what_competes(tmp_path, split, seen):
    subject = experiment(tmp_path, "--train_fraction=0.5")
    (ranker,) = subject.task.rankers(split)
    users = subject.data.users()  # all training positives, not half of them
    known = TRAIN if split == VALIDATION else (TRAIN, VALIDATION)
    np.testing.assert_array_equal(
        np.sort(ranker.seen.values), np.sort(users.targets(known).values)
    )
    np.testing.assert_array_equal(
        ranker.targets.values, users.targets(split).values
    )
    assert len(ranker.positives.values) == len(users.target.values)
    half = subject.users
    assert len(half.targets(TRAIN).values) < len(users.targets(TRAIN).values)
    assert len(half.targets(seen).values) == len(users.targets(known).values)


def test_sampled_ranking_comes_beside_the_full_one(tmp_path):
    subject = experiment(tmp_path, "--eval_negatives=10")
    assert [r.num_negatives for r in subject.task.rankers(TEST)] == [0, 10]
    assert [r.num_negatives for r in subject.task.rankers(VALIDATION)] == [0]
    subject = experiment(
        tmp_path, "--eval_negatives=10", "--monitor=hr@5/uni10"
    )
    assert [r.num_negatives for r in subject.task.rankers(VALIDATION)] == [10]


def test_a_joint_model_is_not_pre_trained(tmp_path):
    flags = ("--backbone=mtl", "--dataset=planted", "--pretrain_epochs=3")
    with pytest.raises(InputError, match="--pretrain_epochs=3 means nothing"):
        experiment(tmp_path, *flags)


@pytest.mark.parametrize(
    ("flag", "first"), [((), True), (("--head_start=random",), False)]
)
def test_scores_start_from_popularity(tmp_path, flag, first):
    made = experiment(tmp_path, *flag)
    bias = made.model(policies.build("cls"), None).head.bias.numpy()
    counts = made.training_counts() + 1
    expected = np.log(counts / counts.mean()) if first else np.zeros(len(bias))
    np.testing.assert_allclose(bias, expected, rtol=1e-5)


def test_large_catalogues_are_not_scored_whole(tmp_path, monkeypatch):
    assert experiment(tmp_path).task.loss == "softmax"
    monkeypatch.setattr("tfxdr.experiments.tasks._FULL_SOFTMAX_LIMIT", 41)
    assert experiment(tmp_path).task.loss == "bpr"
