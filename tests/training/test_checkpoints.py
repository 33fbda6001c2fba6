"""Which checkpoints there are, and what becomes of damaged ones."""

import pytest
from toy_loop import Stage, make, read, without_time

from tfxdr.errors import InputError


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
    _, newest = sorted(
        (cut / "checkpoints").iterdir(), key=lambda path: int(path.name)
    )
    for path in newest.glob(pattern):
        path.write_bytes(spoilt(path.read_bytes()))
    metrics = make(cut, Stage(), seconds=1e9).run(resume=True)
    assert without_time(metrics) == without_time(expected)
    assert read(cut) == read(tmp_path / "whole")
    said = capsys.readouterr().out
    assert f"{newest} does not hold" in said.replace("\n", "")
    assert "going on from the checkpoint before it" in said


def test_a_damaged_checkpoint_is_named(tmp_path):
    make(tmp_path, Stage()).run(resume=False)
    (folder,) = (tmp_path / "checkpoints").iterdir()
    for path in folder.iterdir():
        path.write_bytes(b"nonsense")
    with pytest.raises(InputError, match="does not hold the variables"):
        make(tmp_path, Stage()).run(resume=True)
