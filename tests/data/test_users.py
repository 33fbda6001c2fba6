import numpy as np
import pytest

from tfxdr.data.splits import TEST, TRAIN, UNUSED, VALIDATION
from tfxdr.data.users import Users
from tfxdr.errors import InputError
from tfxdr.ops.ragged import Ragged


def make_users(rows=200):
    target = Ragged.from_rows([[2, 3, 4, 5]] * rows)
    split = np.tile(np.array([0, 1, 2, 0], np.int8), rows)
    ids = np.array([str(row).encode() for row in range(rows)], object)
    return Users(ids, Ragged.from_rows([[2]] * rows), target, split)


def test_targets_keep_one_row_per_user():
    users = make_users(3)
    assert [row.tolist() for row in users.targets(TRAIN)] == [[2, 5]] * 3
    assert [row.tolist() for row in users.targets(TEST)] == [[4]] * 3
    both = users.targets((TRAIN, VALIDATION))
    assert [row.tolist() for row in both] == [[2, 3, 5]] * 3


def test_train_fraction_nests_and_leaves_the_rest_alone():
    users = make_users()
    tenth = users.keep_train_fraction(0.1, seed=4)
    half = users.keep_train_fraction(0.5, seed=4)
    assert (tenth.split == TRAIN).sum() == 40
    assert (half.split == TRAIN).sum() == 200
    assert not ((tenth.split == TRAIN) & (half.split != TRAIN)).any()
    for kept in (tenth, half):
        held_out = np.isin(users.split, (VALIDATION, TEST))
        np.testing.assert_array_equal(
            kept.split[held_out], users.split[held_out]
        )
        assert (kept.split == UNUSED).sum() + (kept.split == TRAIN).sum() == 400


def test_train_fraction_is_seeded():
    users = make_users()
    first, again = (users.keep_train_fraction(0.3, seed=1) for _ in range(2))
    other = users.keep_train_fraction(0.3, seed=2)
    assert (first.split == again.split).all()
    assert (first.split != other.split).any()


def test_the_whole_fraction_changes_nothing():
    users = make_users(3)
    assert users.keep_train_fraction(1.0, seed=5) is users


@pytest.mark.parametrize("fraction", [0, -0.1, 1.01, float("nan")])
def test_fraction_out_of_range(fraction):
    with pytest.raises(InputError, match="--train_fraction"):
        make_users(2).keep_train_fraction(fraction)
