"""Attention against NumPy, one query at a time."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from tfxdr.ops.attention import attend, merge_heads, split_heads

RANDOM = np.random.default_rng(0)
SCORES = RANDOM.normal(size=(2, 3, 4, 5)).astype(np.float32)
VALUES = RANDOM.normal(size=(2, 3, 5, 6)).astype(np.float32)


def by_hand(hidden_keys):
    expected = np.zeros((2, 4, 3 * 6))
    for row, head, query in np.ndindex(2, 3, 4):
        seen = ~hidden_keys[row, head, query]
        weights = np.exp(SCORES[row, head, query, seen].astype(float))
        mean = weights / weights.sum() @ VALUES[row, head, seen]
        expected[row, query, head * 6 : head * 6 + 6] = mean
    return expected


def test_splits_the_width_into_heads_and_merges_them():
    hidden = tf.reshape(tf.range(2 * 4 * 6), [2, 4, 6])
    heads = split_heads(hidden, 3, 2)
    for head in range(3):
        part = hidden[:, :, 2 * head : 2 * head + 2]
        np.testing.assert_array_equal(heads[:, head], part)
    np.testing.assert_array_equal(merge_heads(heads), hidden)


def test_keeps_the_width_in_a_graph_of_any_length():
    one = tf.TensorSpec([None, None, 6], tf.float32)

    @tf.function(input_signature=[one])
    def there_and_back(hidden):
        merged = merge_heads(split_heads(hidden, 3, 2))
        assert merged.shape.as_list() == [None, None, 6]
        return merged

    assert there_and_back(tf.zeros([2, 0, 6])).shape == (2, 0, 6)


def test_weighs_values_by_the_softmax():
    nothing = np.zeros(SCORES.shape, bool)
    np.testing.assert_allclose(
        attend(SCORES, VALUES), by_hand(nothing), atol=1e-6
    )


def test_hidden_keys_have_no_weight():
    hidden = RANDOM.random(SCORES.shape) < 0.5
    hidden[..., 0] = False
    found = attend(tf.constant(SCORES), VALUES, tf.constant(hidden))
    np.testing.assert_allclose(found, by_hand(hidden), atol=1e-6)
    later = np.arange(5) > np.arange(4)[:, np.newaxis]
    found = attend(tf.constant(SCORES), VALUES, tf.constant(later))
    expected = by_hand(np.broadcast_to(later, SCORES.shape))
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_a_query_that_sees_no_key_is_finite():
    hidden = tf.ones(SCORES.shape, tf.bool)
    for dtype in (tf.float32, tf.float16, tf.bfloat16):
        scores, values = (tf.cast(x, dtype) for x in (SCORES, VALUES))
        found = tf.cast(attend(scores, values, hidden), tf.float32)
        assert np.isfinite(found).all()


def test_drops_weights_and_not_values():
    found = attend(SCORES, VALUES, drop=lambda weights: 2 * weights)
    np.testing.assert_allclose(found, 2 * attend(SCORES, VALUES), rtol=1e-6)
