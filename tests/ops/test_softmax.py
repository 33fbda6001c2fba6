"""The softmaxes of pre-training against NumPy, counts and each other."""

import numpy as np
import pytest
import tensorflow as tf

from tfxdr.ops import softmax
from tfxdr.types import FIRST_ITEM


def test_full_softmax_equals_numpy():
    rng = np.random.default_rng(0)
    hidden = rng.normal(size=(4, 3)).astype(np.float32)
    kernel = rng.normal(size=(6, 3)).astype(np.float32)
    bias = rng.normal(size=6).astype(np.float32)
    labels = np.array([2, 3, 5, 5], np.int32)
    logits = (hidden @ kernel.T + bias)[:, FIRST_ITEM:]
    expected = (
        np.log(np.exp(logits).sum(1))
        - logits[np.arange(4), labels - FIRST_ITEM]
    )
    values = softmax.next_item_softmax(hidden, labels, kernel, bias)
    np.testing.assert_allclose(values, expected, rtol=1e-5)


def test_log_uniform_draws_follow_their_expected_counts():
    num_items, num_samples = 12, 200_000
    items, log_count = softmax.log_uniform_sample(
        num_samples, num_items, tf.constant([1, 2])
    )
    counts = np.bincount(items, minlength=num_items)
    assert counts[:FIRST_ITEM].sum() == 0
    all_items = tf.range(FIRST_ITEM, num_items)
    expected = np.exp(
        softmax.log_expected_count(all_items, num_samples, num_items)
    )
    np.testing.assert_allclose(expected.sum(), num_samples, rtol=1e-4)
    deviation = (counts[FIRST_ITEM:] - expected) / np.sqrt(expected)
    assert np.abs(deviation).max() < 5
    np.testing.assert_allclose(
        np.exp(log_count[:5]), expected[items[:5] - FIRST_ITEM], rtol=1e-4
    )


def test_sampled_softmax_gradient_tends_to_the_full_one():
    rng = np.random.default_rng(1)
    hidden = rng.normal(size=(8, 3)).astype(np.float32)
    kernel = tf.Variable(rng.normal(size=(10, 3)).astype(np.float32))
    bias = tf.Variable(tf.zeros([10]))
    labels = np.array([2, 3, 4, 5, 6, 7, 8, 9], np.int32)

    def gradient(loss):
        with tf.GradientTape() as tape:
            value = tf.reduce_mean(loss())
        return tf.convert_to_tensor(tape.gradient(value, kernel))

    full = gradient(
        lambda: softmax.next_item_softmax(hidden, labels, kernel, bias)
    )
    sampled = gradient(
        lambda: softmax.next_item_sampled_softmax(
            hidden,
            labels,
            kernel,
            bias,
            num_samples=100_000,
            seed=tf.constant([3, 4]),
        )
    )
    np.testing.assert_allclose(sampled, full, atol=5e-3)


@pytest.mark.parametrize("num_bytes", [1, 4 * 48 * 7, 64 << 20])
def test_chunks_of_the_next_item_softmax_change_nothing(monkeypatch, num_bytes):
    """One position, 7 and all 512 at a time, where 50 items are scored."""
    monkeypatch.setattr(softmax, "_CHUNK_BYTES", num_bytes)
    draw = tf.random.stateless_normal
    hidden, kernel = draw([700, 5], [1, 2]), draw([50, 5], [3, 4])
    bias, weight = draw([50], [5, 6]), draw([700], [7, 8])
    labels = tf.random.stateless_uniform([700], [9, 9], 2, 50, tf.int32)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch([hidden, kernel, bias])
        values = softmax.next_item_softmax(hidden, labels, kernel, bias)
        logits = tf.matmul(hidden, kernel, transpose_b=True) + bias
        whole = tf.nn.sparse_softmax_cross_entropy_with_logits(
            labels, softmax.mask_reserved(logits)
        )
        sums = tf.reduce_sum(weight * values), tf.reduce_sum(weight * whole)
    np.testing.assert_allclose(values, whole, rtol=1e-5)
    for got, expected in zip(
        *(tape.gradient(s, [hidden, kernel, bias]) for s in sums), strict=True
    ):
        np.testing.assert_allclose(got, expected, atol=1e-4)
