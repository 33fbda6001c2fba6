import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfxdr.ops.ragged import Ragged

ROWS = st.lists(st.lists(st.integers(1, 99), max_size=6), max_size=8)


def as_lists(ragged):
    return [row.tolist() for row in ragged]


def test_rows_and_lengths():
    ragged = Ragged.from_rows([[3, 4], [], [5]])
    assert len(ragged) == 3
    assert ragged.values.dtype == np.int32
    assert ragged.offsets.tolist() == [0, 2, 2, 3]
    assert ragged.lengths.tolist() == [2, 0, 1]
    assert ragged.row_of_value.tolist() == [0, 0, 2]
    assert ragged[0].tolist() == [3, 4]
    assert ragged[-1].tolist() == [5]


def test_a_row_is_a_view():
    ragged = Ragged.from_rows([[3, 4]])
    assert np.shares_memory(ragged[0], ragged.values)


@pytest.mark.parametrize("row", [3, -4])
def test_a_row_that_is_not_there(row):
    with pytest.raises(IndexError, match="of 3"):
        Ragged.from_rows([[1], [], [2]])[row]


@pytest.mark.parametrize("offsets", [[], [1, 2], [0, 1], [0, 2, 1, 2]])
def test_offsets_must_fit(offsets):
    with pytest.raises(ValueError, match="Received"):
        Ragged(np.arange(2), np.array(offsets, np.int64))


def test_pad_left_by_hand():
    ragged = Ragged.from_rows([[1, 2, 3], [], [4]])
    expected = [[1, 2, 3], [0, 0, 0], [0, 0, 4]]
    assert ragged.pad_left().tolist() == expected
    assert ragged.pad_left([2, 0], 2).tolist() == [[0, 4], [2, 3]]
    assert ragged.pad_left([1]).shape == (1, 0)
    assert ragged.pad_left([], 4).shape == (0, 4)
    assert ragged.pad_left().dtype == np.int32


@given(ROWS)
def test_from_rows_round_trip(rows):
    assert as_lists(Ragged.from_rows(rows)) == rows


@given(ROWS, st.data())
def test_take(rows, data):
    chosen = data.draw(st.lists(st.integers(0, max(len(rows) - 1, 0))))
    chosen = chosen if rows else []
    taken = Ragged.from_rows(rows).take(chosen)
    assert as_lists(taken) == [rows[row] for row in chosen]


@given(ROWS, st.integers(0, 7))
def test_pad_left_keeps_the_most_recent(rows, length):
    padded = Ragged.from_rows(rows).pad_left(length=length)
    assert padded.shape == (len(rows), length)
    for row, cells in zip(rows, padded.tolist(), strict=True):
        kept = row[len(row) - min(length, len(row)) :]
        assert cells == [0] * (length - len(kept)) + kept


@given(ROWS, st.integers(1, 4))
def test_last(rows, length):
    last = Ragged.from_rows(rows).last(length)
    assert as_lists(last) == [row[-length:] for row in rows]


@given(ROWS, st.integers(2, 5))
def test_select_keeps_all_rows(rows, divisor):
    ragged = Ragged.from_rows(rows)
    selected = ragged.select(ragged.values % divisor == 0)
    expected = [[v for v in row if v % divisor == 0] for row in rows]
    assert as_lists(selected) == expected


@pytest.mark.parametrize(
    ("row", "windows"),
    [
        ([], [[]]),
        ([1], [[1]]),
        ([1, 2, 3], [[1, 2, 3]]),
        ([1, 2, 3, 4], [[1, 2], [2, 3, 4]]),
        ([1, 2, 3, 4, 5], [[1, 2, 3], [3, 4, 5]]),
    ],
)
def test_windows_are_cut_from_the_end(row, windows):
    ragged = Ragged.from_rows([[9], row, [8, 7]])
    assert as_lists(ragged.windows(3)) == [[9], *windows, [8, 7]]


@given(st.lists(st.lists(st.integers(1, 9), max_size=9)), st.integers(2, 5))
def test_each_value_follows_another_in_one_window(rows, length):
    ragged = Ragged.from_rows(rows)
    pairs = [(a, b) for row in rows for a, b in zip(row, row[1:], strict=False)]
    windows = as_lists(ragged.windows(length))
    assert all(len(window) <= length for window in windows)
    found = [
        (a, b) for row in windows for a, b in zip(row, row[1:], strict=False)
    ]
    assert found == pairs


def test_a_window_holds_a_pair():
    with pytest.raises(ValueError, match="at least 2"):
        Ragged.from_rows([[1, 2]]).windows(1)
