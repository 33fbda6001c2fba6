"""What is mapped is equal to what is held, and leaves no file behind."""

import os

import numpy as np
import pytest

from tfxdr.errors import InputError
from tfxdr.ops import mapped
from tfxdr.ops.free_items import FreeItems
from tfxdr.ops.ragged import Ragged

ROWS = [[2, 9, 4], [], [7, 7, 3, 5, 2], [8], [], [3, 6, 3]]


@pytest.fixture(autouse=True)
def _small_parts(monkeypatch):
    monkeypatch.setattr(mapped, "PART", 4)
    monkeypatch.setattr(mapped, "SMALLEST", 0)


def in_file(rows, folder):
    column = mapped.Column(np.int32, str(folder))
    for row in rows:
        column.append(np.array(row, np.int32))
    return Ragged.from_lengths(column.joined(), [len(row) for row in rows])


@pytest.mark.parametrize(
    "made",
    [
        lambda rows: rows,
        lambda rows: rows.take([5, 2, 2, 1]),
        lambda rows: rows.select(rows.values % 2 == 0),
        lambda rows: rows.distinct(),
        lambda rows: rows.first(2),
        lambda rows: rows.first(np.array([0, 1, 4, 1, 1, 2])),
        lambda rows: rows.last(2),
        lambda rows: rows.windows(3),
        lambda rows: FreeItems(rows, 11).below,
    ],
)
def test_equal_to_what_is_held(tmp_path, made):
    found, held = made(in_file(ROWS, tmp_path)), made(Ragged.from_rows(ROWS))
    assert mapped.is_mapped(found.values)
    assert not mapped.is_mapped(held.values)
    assert found.values.dtype == held.values.dtype
    assert found.values.tolist() == held.values.tolist()
    assert found.offsets.tolist() == held.offsets.tolist()
    assert os.listdir(tmp_path) == []


def test_batches_of_rows_are_held(tmp_path):
    rows = in_file(ROWS, tmp_path)
    assert type(rows.pad_left([0, 2])) is np.ndarray
    assert rows.pad_left([0, 2]).tolist() == [[0, 0, 2, 9, 4], [7, 7, 3, 5, 2]]


def test_what_is_small_is_held(tmp_path, monkeypatch):
    monkeypatch.setattr(mapped, "SMALLEST", 16)
    values = in_file(ROWS, tmp_path).values
    assert not mapped.is_mapped(mapped.beside(values, 3, np.int32))
    assert mapped.is_mapped(mapped.beside(values, 4, np.int32))


def test_nothing_is_nothing(tmp_path):
    assert in_file([[], []], tmp_path).values.tolist() == []


def test_counts():
    values = np.array([2, 2, 0, 3, 2, 0, 3], np.int32)
    assert mapped.count(values, 5).tolist() == [2, 0, 3, 2, 0]


def test_parts_cover_all_rows_once():
    offsets = np.array([0, 0, 3, 9, 9, 10, 14, 14])
    rows = [row for part in mapped.row_parts(offsets) for row in range(7)[part]]
    assert rows == list(range(7))


def test_no_room(tmp_path, monkeypatch):
    values = in_file(ROWS, tmp_path).values

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", full)
    with pytest.raises(InputError, match="--in_memory: .* has no room"):
        mapped.beside(values, 5, np.int32)
    assert os.listdir(tmp_path) == []


def test_no_such_folder(tmp_path):
    with pytest.raises(InputError, match="--in_memory=true"):
        mapped.Column(np.int32, str(tmp_path / "gone"))
