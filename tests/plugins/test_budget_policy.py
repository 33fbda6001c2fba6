from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from tfxdr.errors import InputError
from tfxdr.registry import policies
from tfxdr.testing import check_policy
from tfxdr.types import Context


@pytest.fixture(autouse=True)
def loaded(load):
    load("budget_policy")


# tune, freeze: of the four blocks the last two would rather be frozen
LOGITS = tf.constant([[[3.0, 0.0], [5.0, 1.0], [0.0, 1.0], [-2.0, 2.0]]])
CONTEXT = Context(
    history=tf.constant([[2, 3]]),
    seed=tf.constant([0, 0]),
    step=tf.constant(0),
    epoch=tf.constant(0),
)


def actions(text, training=False):
    return policies.build(text).call(LOGITS, CONTEXT, training)


@pytest.mark.parametrize(
    ("blocks", "tuned"),
    [(1, [0, 1, 0, 0]), (2, [1, 1, 0, 0]), (9, [1, 1, 0, 0])],
)
def test_tunes_what_is_wished_for_most(blocks, tuned):
    for training in (False, True):
        found = actions(f"budget(blocks={blocks})", training)
        np.testing.assert_array_equal(found, [tuned])


def test_gradient_is_that_of_the_sigmoid():
    with tf.GradientTape() as tape:
        tape.watch(LOGITS)
        total = tf.reduce_sum(actions("budget(blocks=1,temperature=2)", True))
    wish = (LOGITS[..., 0] - LOGITS[..., 1]).numpy() / 2
    gate = 1 / (1 + np.exp(-wish))
    slope = gate * (1 - gate) / 2
    expected = np.stack([slope, -slope], axis=-1)
    np.testing.assert_allclose(
        tape.gradient(total, LOGITS), expected, rtol=1e-5
    )


def test_promises():
    check_policy("budget(blocks=1,temperature=3)")


@pytest.mark.parametrize("option", ["blocks=0", "temperature=0"])
def test_refuses_options_out_of_range(option):
    with pytest.raises(InputError, match="--policy=budget.*received"):
        actions(f"budget({option})")
