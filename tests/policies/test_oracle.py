"""Decisions from an attribute of the users, who are known by their history."""

import numpy as np
import pytest
import tensorflow as tf

from tfxdr.errors import InputError
from tfxdr.policies import create
from tfxdr.registry import policies
from tfxdr.testing.models import HISTORY, USERS
from tfxdr.types import Context


def decided(policy, history):
    zero = tf.constant(0)
    context = Context(tf.constant(history), tf.zeros([2], tf.int32), zero, zero)
    logits = tf.zeros([len(history), 3, 2])
    return policy.call(logits, context, False).numpy()


@pytest.fixture
def oracle():
    return create("oracle(attribute=kind,tuned=new)", users=USERS)


def test_all_blocks_follow_the_attribute(oracle):
    np.testing.assert_array_equal(
        decided(oracle, HISTORY),
        np.repeat([[0], [1], [0], [1], [1]], 3, axis=1),
    )


def test_padding_does_not_matter(oracle):
    wide = np.pad(HISTORY, [[0, 0], [4, 0]])
    np.testing.assert_array_equal(
        decided(oracle, wide), decided(oracle, HISTORY)
    )


def test_a_stranger_is_not_tuned(oracle):
    assert not decided(oracle, np.array([[5, 5, 5]], np.int32)).any()


def test_of_one_history_the_majority_decides():
    import dataclasses

    for kinds, tuned in ((["new", "old"], 0), (["new", "new"], 1)):
        users = dataclasses.replace(
            USERS, attributes={"kind": np.array(["", "", "", *kinds])}
        )
        if tuned == 0:
            users.attributes["kind"][1] = "new"
        policy = create("oracle(attribute=kind,tuned=new)", users=users)
        assert decided(policy, HISTORY[3:4]).max() == tuned


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("oracle(attribute=age,tuned=new)", "users, kind; received 'age'"),
        ("oracle(attribute=kind,tuned=nwe)", "such as new, old; received"),
    ],
)
def test_what_the_data_do_not_have_is_said(text, message):
    with pytest.raises(InputError, match=message):
        policies.build(text, users=USERS)
