"""Groups of users and of items, and which of them stands out."""

import numpy as np
import pytest

from tfxdr.errors import InputError
from tfxdr.evaluation.groups import Groups, kinds_of


def texts(*values):
    return np.array(values, object)


VALUES = texts("a", "b", "", "b", "c")


def members(groups):
    return {
        name: here.astype(int).tolist() for name, here in groups.members.items()
    }


def test_the_largest_come_first_and_the_unknown_in_none():
    groups = Groups.largest(texts(*"abbcccddddeeeee", ""))
    assert list(groups.members) == ["e", "d", "c", "b"]
    assert not any(here[-1] for here in groups.members.values())
    assert groups.wanted == ""


def test_one_value_against_all_others():
    groups = Groups.split_at(VALUES, "b", "--x")
    assert members(groups) == {"b": [0, 1, 0, 1, 0], "not b": [1, 0, 0, 0, 1]}
    assert groups.wanted == "b"


def test_of_two_values_the_other_has_its_name():
    groups = Groups.split_at(VALUES[:4], "b", "--x", wanted=False)
    assert members(groups) == {"b": [0, 1, 0, 1], "a": [1, 0, 0, 0]}
    assert groups.wanted == "a"


@pytest.mark.parametrize(
    ("values", "found"),
    [(VALUES, "one of b, a, c, found 'd'"), (texts("", ""), "one of none")],
)
def test_a_value_that_nobody_has(values, found):
    with pytest.raises(InputError, match=f"--x: .*{found}"):
        Groups.split_at(values, "d", "--x")


@pytest.mark.parametrize("value", ["d", "e"])
def test_values_that_are_all_the_same_tell_nothing_apart(value):
    assert Groups.split_at(texts("d", "d"), value, "--x") is None


def test_truth_is_of_what_is_known():
    known, label = Groups.split_at(VALUES, "b", "--x").truth(
        np.array([1, 2, 4, 1])
    )
    assert known.tolist() == [True, False, True, True]
    assert label.tolist() == [True, False, True]


def test_there_is_no_truth_in_one_group():
    groups = Groups.split_at(VALUES, "b", "--x")
    assert groups.truth(np.array([1, 3])) is None
    assert groups.truth(np.array([0, 2])) is None
    assert Groups.largest(VALUES).truth(np.arange(5)) is None


def test_a_kind_is_what_stands_before_the_last_hyphen():
    names = texts("harmful-3", "helpful-3", "", "harmfully", "sci-fi-1")
    kinds = kinds_of(names, "harmful")
    assert kinds.tolist() == ["harmful", "helpful", "", "harmfully", "sci-fi"]


def test_a_category_of_that_name_is_that_alone():
    names = texts("sci-fi", "sci-fi-1")
    assert kinds_of(names, "sci-fi") is names
