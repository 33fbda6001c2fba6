"""Below what only counts: what is said, and why."""

import dataclasses
import re

import pytest

from tfxdr.report.table import Row
from tfxdr.report.verdict import Evidence, verdict

SOUND = Evidence(
    losses=[0.7, 0.5, 0.499],
    best_epoch=2,
    limit=50,
    collapsed=False,
    training=10_000,
    validation=1_000,
    items=100,
)
BASELINES = [
    Row("popularity", {"hr@5": 0.3, "log_loss": 0.5}),
    Row("item-knn", {"hr@5": 0.2, "log_loss": 0.4}),
]


def said(value=0.1, metric="hr@5", **evidence):
    found = dataclasses.replace(SOUND, **evidence)
    return verdict(Row("all", {metric: value}), BASELINES, metric, found)


def test_who_is_above_gets_none():
    assert said(0.31) is None
    assert said(0.3) is None
    assert said(0.39, "log_loss") is None
    assert verdict(Row("all", {}), BASELINES, "hr@5", SOUND) is None
    assert verdict(Row("all", {"f1": 0.1}), BASELINES, "f1", SOUND) is None


def test_the_better_baseline_is_named():
    assert said(0.25).startswith(
        "all is below popularity (HR@5 0.2500 against 0.3000): "
    )
    assert "below item-knn (Log loss 0.4500 against 0.4000)" in said(
        0.45, "log_loss"
    )


@pytest.mark.parametrize(
    ("evidence", "reason"),
    [
        ({}, "shows no reason"),
        ({"collapsed": True}, "has collapsed"),
        ({"labels_alone": True}, "rated pairs alone.*--joint_negatives, now 0"),
        ({"items": 5_000}, "too few targets: 10,000 training items, 2.0 of"),
        ({"validation": 12}, "validation has 12 items.*--split_fractions"),
        (
            {"losses": [0.7, 0.6, 0.5], "best_epoch": 3, "limit": 3},
            "raise --epochs, now 3",
        ),
        (
            {"losses": [0.7, 0.5, 0.3], "best_epoch": 2},
            "overfits: after epoch 2.*lower --learning_rate",
        ),
        (
            {"losses": [0.7, 0.699, 0.698], "best_epoch": 2},
            "hardly moved, from 0.7 to 0.698: raise --learning_rate",
        ),
    ],
)
def test_the_reason_follows_from_the_run(evidence, reason):
    text = said(**evidence)
    assert re.search(reason, text)
    assert ";" not in text.replace("; lower", "").replace("; compare", "")


def test_several_reasons_are_all_said():
    text = said(items=5_000, validation=3)
    assert "too few targets" in text and "; validation has 3" in text
