"""The history that a training writes and goes on with."""

from __future__ import annotations

import math

import pytest

from tfxdr.errors import InputError
from tfxdr.training.history import History

_VALUES = {
    "loss": 2 / 3,
    "zero": 0.0,
    "small": 1.23456789e-7,
    "large": 123456789.0,
    "none": math.nan,
}


def test_going_on_keeps_every_cell(tmp_path):
    first = History(tmp_path)
    first.add("pretrain", 1, _VALUES)
    first.add("finetune", 1, {"loss": 0.5, "hr@5": 0.25})
    second = History(tmp_path)
    before = first.path.read_text()
    assert second._text() == before
    second.rewind("finetune", 1)
    second.add("finetune", 1, {"loss": 0.5, "hr@5": 0.25})
    assert second.path.read_text() == before
    assert second.rows == History(tmp_path).rows
    assert second.rows[-1] == {
        "stage": "finetune",
        "epoch": "1",
        "loss": "0.5",
        "hr@5": "0.25",
    }


def test_rewinds_one_stage_alone(tmp_path):
    history = History(tmp_path)
    for stage in ("pretrain", "finetune"):
        for epoch in (1, 2, 3):
            history.add(stage, epoch, {"loss": 1.0})
    history.rewind("finetune", 2)
    left = [(row["stage"], row["epoch"]) for row in history.rows]
    assert left == [("pretrain", e) for e in "123"] + [("finetune", "1")]


def test_refuses_to_go_on_with_something_else(tmp_path):
    (tmp_path / "history.csv").write_text("stage,epoch,loss\nfinetune,1,x\n")
    with pytest.raises(InputError, match=r"history\.csv, line 2.*--overwrite"):
        History(tmp_path)
