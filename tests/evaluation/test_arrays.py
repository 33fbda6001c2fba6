"""Files of arrays, whole or not there."""

from __future__ import annotations

import numpy as np
import pytest

from tfxdr.errors import InputError
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
