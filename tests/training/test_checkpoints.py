"""Which checkpoints there are, and what becomes of damaged ones."""

import numpy as np
import pytest
import tensorflow as tf
from toy_loop import Stage, make, read, without_time

from tfxdr.errors import InputError
from tfxdr.training.checkpoint import (
    restore_one_by_one,
    restore_variables,
    save_variables,
)


def test_a_finished_loop_keeps_the_newest_checkpoint_alone(tmp_path):
    make(tmp_path, Stage(), seconds=0).run(resume=False)
    assert len(list((tmp_path / "checkpoints").iterdir())) == 1


def _turned(data):
    return data[::-1]


def _cut(data):
    """As after a power cut, or on a disk that was full."""
    return data[: len(data) // 2]


@pytest.mark.parametrize(
    ("pattern", "spoilt"),
    [("*", _turned), ("*.data-*", _cut), ("*.index", _cut)],
)
def test_the_checkpoint_before_a_damaged_one_is_used(
    tmp_path, capsys, pattern, spoilt
):
    expected = make(tmp_path / "whole", Stage()).run(resume=False)
    cut = tmp_path / "cut"
    with pytest.raises(KeyboardInterrupt):
        make(cut, Stage(stop_at=11), seconds=0).run(resume=False)
    before, newest = sorted(
        (cut / "checkpoints").iterdir(), key=lambda path: int(path.name)
    )
    for path in newest.glob(pattern):
        path.write_bytes(spoilt(path.read_bytes()))
    metrics = make(cut, Stage(), seconds=1e9).run(resume=True)
    assert without_time(metrics) == without_time(expected)
    assert read(cut) == read(tmp_path / "whole")
    said = capsys.readouterr().out
    (warning,) = [line for line in said.splitlines() if "warning" in line]
    assert warning == (
        f"warning: the checkpoint {newest} is damaged: going on from {before}, "
        "the one before it"
    )


def test_a_damaged_checkpoint_is_named(tmp_path):
    make(tmp_path, Stage()).run(resume=False)
    (folder,) = (tmp_path / "checkpoints").iterdir()
    for path in folder.iterdir():
        path.write_bytes(b"nonsense")
    with pytest.raises(InputError, match="does not hold the variables"):
        make(tmp_path, Stage()).run(resume=True)


def test_where_all_are_damaged_nothing_is_said_to_go_on(tmp_path, capsys):
    with pytest.raises(KeyboardInterrupt):
        make(tmp_path, Stage(stop_at=11), seconds=0).run(resume=False)
    folders = sorted((tmp_path / "checkpoints").iterdir())
    for path in (tmp_path / "checkpoints").glob("*/*"):
        path.write_bytes(b"nonsense")
    capsys.readouterr()
    with pytest.raises(InputError, match=f"{folders[-1]} does not hold the"):
        make(tmp_path, Stage()).run(resume=True)
    assert "warning" not in capsys.readouterr().out
    assert sorted((tmp_path / "checkpoints").iterdir()) == folders


class Pair(tf.Module):
    def __init__(self, start, names=("one", "other")):
        super().__init__()
        self.parts = {name: tf.Variable([start, start]) for name in names}


@pytest.mark.parametrize("restore", [restore_variables, restore_one_by_one])
class TestReading:
    def test_all_at_once_or_one_by_one(self, tmp_path, restore):
        save_variables(tmp_path / "it", tf.train.Checkpoint(it=Pair(3.0)))
        found = Pair(0.0, names=["other"])  # a part of what was saved
        restore(tmp_path / "it", tf.train.Checkpoint(it=found), remedy="")
        np.testing.assert_array_equal(found.parts["other"], [3.0, 3.0])

    def test_another_model_is_told(self, tmp_path, restore):
        save_variables(tmp_path / "it", tf.train.Checkpoint(it=Pair(3.0)))
        for other in (Pair(0.0, names=["one", "third"]), Pair([0.0, 1.0])):
            checkpoint = tf.train.Checkpoint(it=other)
            with pytest.raises(InputError, match="of this model: .*; again"):
                restore(tmp_path / "it", checkpoint, remedy="again")

    def test_nothing_or_damage_is_told(self, tmp_path, restore):
        checkpoint = tf.train.Checkpoint(it=Pair(3.0))
        with pytest.raises(InputError, match="again"):
            restore(tmp_path / "it", checkpoint, remedy="again")
        save_variables(tmp_path / "it", checkpoint)
        for path in (tmp_path / "it").iterdir():
            path.write_bytes(_cut(path.read_bytes()))
        with pytest.raises(InputError, match="again"):
            restore(tmp_path / "it", checkpoint, remedy="again")
