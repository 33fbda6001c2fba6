"""Files of arrays, whole or not there."""

from __future__ import annotations

import numpy as np
import pytest

from tfxdr.errors import InputError
from tfxdr.evaluation import (
    Actions,
    BehaviorWeights,
    Predictions,
    Probabilities,
    Ranking,
)
from tfxdr.evaluation.arrays import load_arrays, save_arrays

_HALF = """
import time
from tfxdr.evaluation.arrays import save_arrays

class Slow:
    def __array__(self, dtype=None, copy=None):
        print("ready", flush=True)
        time.sleep(60)

save_arrays({path!r}, ranks=Slow())
"""


def test_what_a_killed_process_left_is_removed(tmp_path, writing):
    path = tmp_path / "ranks.npz"
    process = writing(_HALF.format(path=str(path)))
    assert len(list(tmp_path.iterdir())) == 1
    save_arrays(path, ranks=[1, 2])
    assert len(list(tmp_path.iterdir())) == 2  # the other still writes
    process.kill()
    process.wait()
    save_arrays(path, ranks=[1, 2, 3])
    assert [file.name for file in tmp_path.iterdir()] == ["ranks.npz"]
    found = load_arrays(path, "ranks", {"ranks": np.int32})
    assert found["ranks"].tolist() == [1, 2, 3]


def test_a_place_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match=r"cannot be written.*--run"):
        save_arrays(tmp_path / "file" / "ranks.npz", ranks=[1])


_ONE = np.ones(1, np.int32)
of_each_kind = pytest.mark.parametrize(
    "result",
    [
        Actions(_ONE, np.ones([1, 2], np.float32), _ONE),
        BehaviorWeights(_ONE, _ONE, _ONE, _ONE),
        Predictions(_ONE, _ONE, _ONE),
        Probabilities(_ONE, _ONE, _ONE, _ONE),
        Ranking(_ONE, _ONE, _ONE),
    ],
    ids=lambda result: type(result).__name__,
)


@of_each_kind
def test_round_trip(tmp_path, result):
    path = tmp_path / "result"  # no suffix is added
    result.save(path)
    found = type(result).load(path)
    assert [file.name for file in tmp_path.iterdir()] == ["result"]
    assert set(result.types) == set(vars(result))
    for name, dtype in result.types.items():
        assert getattr(found, name).dtype == dtype
        assert np.array_equal(getattr(found, name), getattr(result, name))


@of_each_kind
def test_a_missing_file_is_named_with_what_it_should_hold(tmp_path, result):
    with pytest.raises(InputError, match=f"no file of {result.what} at"):
        type(result).load(tmp_path / "result.npz")


@of_each_kind
def test_a_failed_write_leaves_the_old_file(tmp_path, monkeypatch, result):
    path = tmp_path / "result.npz"
    result.save(path)
    before = path.read_bytes()

    def full_disk(file, **arrays):
        file.write(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(np, "savez", full_disk)
    with pytest.raises(InputError, match=r"disk of .* is full.*--run"):
        result.save(path)
    assert [file.name for file in tmp_path.iterdir()] == ["result.npz"]
    assert path.read_bytes() == before
