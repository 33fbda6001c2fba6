"""`history.csv`: read by figures, and by a training that goes on."""

from __future__ import annotations

import pytest

from tfxdr.errors import InputError
from tfxdr.report.history import read_history


def test_reads_a_history(tmp_path):
    path = tmp_path / "history.csv"
    path.write_text(
        "stage,epoch,loss,hr@5\npretrain,1,7.5,\nfinetune,1,0.5,0.25\n"
    )
    assert read_history(path) == [
        {"stage": "pretrain", "epoch": 1.0, "loss": 7.5},
        {"stage": "finetune", "epoch": 1.0, "loss": 0.5, "hr@5": 0.25},
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "column 'stage', found none"),
        ("stage,loss\npretrain,7\n", "column 'epoch', found stage, loss"),
        ("stage,epoch,loss\na,1,7\na,2,x\n", "line 3.*'loss', found 'x'"),
        ("stage,epoch,loss\na,1,7,8\n", "line 2"),
        ("stage,epoch,loss\na,,7\n", "line 2.*'epoch'"),
        ("stage,epoch,loss\na,1.5,7\n", "line 2.*'epoch', found '1.5'"),
        ("stage,epoch,loss\na,nan,7\n", "line 2.*'epoch', found 'nan'"),
        ("stage,epoch,loss\na,\xff,7\n", "expected a table as text"),
    ],
)
def test_refuses_other_files(tmp_path, text, message):
    path = tmp_path / "history.csv"
    path.write_text(text, encoding="latin-1")
    with pytest.raises(InputError, match=f"{message}.*--overwrite"):
        read_history(path)


def test_refuses_what_is_not_there(tmp_path):
    with pytest.raises(InputError, match="no history of a run"):
        read_history(tmp_path / "history.csv")
