"""Attention in sum against attention query by query."""

from __future__ import annotations

import functools

import numpy as np
import pytest
import tensorflow as tf

from tfxdr.ops.pooled_attention import pooled_attention

RANDOM = np.random.default_rng(0)
QUERIES = RANDOM.normal(size=(3, 4, 2, 5))
ITEMS = RANDOM.normal(size=(3, 6, 5))
VISIBLE = np.float64([[1] * 6, [0, 0, 1, 1, 1, 1], [0, 0, 0, 0, 0, 1]])
SHARES = np.float64([[0.1, 0.2, 0.3, 0.4], [0, 0.5, 0, 0.5], [0, 0, 0, 1]])


def plain(queries, items, visible, shares):
    """By a softmax of its own for every query and head."""
    scores = tf.einsum("blhs,bks->blhk", queries, items)
    hidden = (1 - visible)[:, tf.newaxis, tf.newaxis]
    weights = tf.nn.softmax(scores + hidden * (scores.dtype.min / 2))
    seen = tf.einsum("blhk,bks->blhs", weights, items)
    return tf.einsum("bl,blhs->bhs", shares, seen)


def with_gradients(function, queries, items):
    """Its result, and first and second derivatives."""
    values = [*map(tf.convert_to_tensor, (queries, items))]
    with tf.GradientTape() as outer:
        outer.watch(values)
        with tf.GradientTape() as tape:
            tape.watch(values)
            result = function(*values, VISIBLE, SHARES)
            total = tf.reduce_sum(result * np.float64([1, -2, 3, 1, 2]))
        gradients = tape.gradient(total, values)
        total = tf.add_n([tf.reduce_sum(tf.square(g)) for g in gradients])
    return [result, *gradients, *outer.gradient(total, values)]


# Scores of the first need no care; with the second some are above 88.
@pytest.mark.parametrize("scale", [1.0, 20.0])
def test_equals_the_plain_computation(scale):
    expected = with_gradients(plain, scale * QUERIES, ITEMS)
    ours = functools.partial(with_gradients, pooled_attention)
    for compute in (
        ours,
        tf.function(ours, autograph=False),
        tf.function(ours, autograph=False, jit_compile=True),
    ):
        found = compute(scale * QUERIES, ITEMS)
        for one, other in zip(found, expected, strict=True):
            np.testing.assert_allclose(
                one, other, rtol=1e-6, atol=1e-6 * np.abs(other).max()
            )


@pytest.mark.parametrize("scale", [1.0, 1e4, 1e30])
def test_what_is_hidden_may_be_anything(scale):
    items = ITEMS.copy()
    items[VISIBLE == 0] *= scale
    one, other = (
        pooled_attention(*map(np.float32, (QUERIES, x, VISIBLE, SHARES)))
        for x in (items, ITEMS)
    )
    np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-6)


def test_there_may_be_no_rows():
    empty = (array[:0] for array in (QUERIES, ITEMS, VISIBLE, SHARES))
    assert tf.function(pooled_attention)(*empty).shape == [0, 2, 5]
