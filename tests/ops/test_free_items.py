"""Free items against a user's own list of them."""

from __future__ import annotations

import numpy as np
import pytest

from tfxdr.ops.free_items import FreeItems
from tfxdr.ops.ragged import Ragged

NUM_ITEMS = 12
# Repeats, reserved ids, both ends of the table, nothing, all but one.
KNOWN = [[11, 2, 5, 5], [], [0, 1, 1], list(range(3, 12)), [1, 2, 11]]
FREE = [sorted({*range(2, NUM_ITEMS)} - {*row}) for row in KNOWN]


@pytest.fixture
def free():
    return FreeItems(Ragged.from_rows(KNOWN), NUM_ITEMS)


def test_every_number_is_a_free_item(free):
    assert free.counts.tolist() == [len(items) for items in FREE]
    for user, items in enumerate(FREE):
        users = np.full(len(items), user)
        found = free.at(users, np.arange(len(items)))
        assert found.tolist() == items
        assert found.dtype == np.int32


def test_users_and_numbers_broadcast(free):
    found = free.at(np.array([[4], [0]]), np.array([[0, 1, 2], [6, 0, 3]]))
    assert found.tolist() == [[3, 4, 5], [10, 3, 7]]


def test_draws_every_item_from_its_share_of_the_unit_interval(free):
    for user, items in enumerate(FREE):
        edges = np.arange(len(items)) / len(items)
        drawn = np.concatenate([edges + 1e-9, edges + 1 / len(items) - 1e-9])
        found = free.draw(np.full(len(drawn), user), drawn)
        assert found.tolist() == items * 2


def test_counts_what_is_free_below_each_known_item(free):
    assert [row.tolist() for row in free.below] == [
        [0, 2, 7],
        [],
        [],
        [1] * 9,
        [0, 8],
    ]


def test_says_who_knows_everything():
    free = FreeItems(Ragged.from_rows([[2, 3], [2], [3, 2, 3]]), 4)
    assert free.missing(np.array([0]))
    assert free.missing(np.array([1, 2]))
    assert not free.missing(np.array([1, 1]))
