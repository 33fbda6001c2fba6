"""Learning curves: what is drawn, and what is refused."""

from __future__ import annotations

import pytest

from tfxdr.errors import InputError
from tfxdr.report import figures

HISTORY = [
    {"stage": "pretrain", "epoch": 1, "loss": 7.0, "validation_loss": 6.9},
    {"stage": "pretrain", "epoch": 2, "loss": 6.0, "validation_loss": 6.5},
    {"stage": "pretrain", "epoch": 3, "loss": 5.0, "validation_loss": 6.8},
    {"stage": "finetune", "epoch": 1, "loss": 0.6, "hr@10": 0.2, "hr@5": 0.1},
    {"stage": "finetune", "epoch": 2, "loss": 0.5, "hr@10": 0.3, "hr@5": 0.4},
    {"stage": "finetune", "epoch": 3, "loss": 0.4, "hr@10": 0.5, "hr@5": 0.2},
]


def _line(axes, label):
    (line,) = [line for line in axes.lines if line.get_label() == label]
    return list(line.get_xdata()), list(line.get_ydata())


def test_draws_loss_and_metric_of_every_stage():
    figure = figures.learning_curves(HISTORY, title="a run")
    pretrain, nothing, finetune, metric = figure.axes
    assert _line(pretrain, "training") == ([1, 2, 3], [7, 6, 5])
    assert _line(pretrain, "validation") == ([1, 2, 3], [6.9, 6.5, 6.8])
    assert not nothing.axison
    assert _line(finetune, "training") == ([1, 2, 3], [0.6, 0.5, 0.4])
    assert metric.get_ylabel() == "HR@5"  # and not HR@10
    assert _line(metric, "validation") == ([1, 2, 3], [0.1, 0.4, 0.2])
    assert {axes.get_xlabel() for axes in (pretrain, finetune, metric)} == {
        "epoch"
    }


def test_marks_the_epoch_that_the_monitor_picks():
    monitors = {"pretrain": "validation_loss", "finetune": "hr@10"}
    axes = figures.learning_curves(HISTORY, monitors=monitors).axes
    assert _line(axes[0], "kept: 6.5000 at epoch 2") == ([2], [6.5])
    assert _line(axes[3], "kept: 0.5000 at epoch 3") == ([3], [0.5])
    assert axes[3].get_ylabel() == "HR@10"


def test_a_value_that_is_not_finite_is_left_out():
    history = [*HISTORY, {"stage": "pretrain", "epoch": 4, "loss": "nan"}]
    axes = figures.learning_curves(history).axes
    assert _line(axes[0], "training") == ([1, 2, 3], [7, 6, 5])


def test_writes_a_whole_png(tmp_path):
    path = tmp_path / "curves"
    figures.save_figure(figures.learning_curves(HISTORY), path)
    assert [file.name for file in tmp_path.iterdir()] == ["curves"]
    assert path.read_bytes().startswith(b"\x89PNG")
    assert path.read_bytes().endswith(b"IEND\xaeB`\x82")


_HALF = """
import time
from tfxdr.report import figures

class Slow:
    def savefig(self, file, **options):
        file.write(b"half")
        file.flush()
        print("ready", flush=True)
        time.sleep(60)

figures.save_figure(Slow(), {path!r})
"""


def test_what_a_killed_process_left_is_removed(tmp_path, writing):
    path = tmp_path / "curves.png"
    process = writing(_HALF.format(path=str(path)))
    assert len(list(tmp_path.iterdir())) == 1
    process.kill()
    process.wait()
    figures.save_figure(figures.learning_curves(HISTORY), path)
    assert [file.name for file in tmp_path.iterdir()] == ["curves.png"]


def test_reads_a_history(tmp_path):
    path = tmp_path / "history.csv"
    path.write_text(
        "stage,epoch,loss,hr@5\npretrain,1,7.5,\nfinetune,1,0.5,0.25\n"
    )
    assert figures.read_history(path) == [
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
    ],
)
def test_refuses_other_files(tmp_path, text, message):
    path = tmp_path / "history.csv"
    path.write_text(text)
    with pytest.raises(InputError, match=message):
        figures.read_history(path)


def test_refuses_nothing_to_draw(tmp_path):
    with pytest.raises(InputError, match="no history of a run"):
        figures.read_history(tmp_path / "history.csv")
    with pytest.raises(InputError, match="no epoch"):
        figures.learning_curves([])
