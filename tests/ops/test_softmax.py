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
    values = softmax.next_item_losses(hidden, labels, kernel, bias)
    np.testing.assert_allclose(values, expected, rtol=1e-5)
    weights = np.array([1, 2, 0, -3], np.float32)
    total = softmax.next_item_softmax(hidden, labels, kernel, bias, weights)
    np.testing.assert_allclose(total, weights @ expected, rtol=1e-5)


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
            value = tf.reduce_sum(loss())
        return tf.convert_to_tensor(tape.gradient(value, kernel))

    full = gradient(
        lambda: softmax.next_item_softmax(
            hidden, labels, kernel, bias, tf.fill([8], 1 / 8)
        )
    )
    sampled = gradient(
        lambda: (
            softmax.next_item_sampled_softmax(
                hidden,
                labels,
                kernel,
                bias,
                num_samples=100_000,
                seed=tf.constant([3, 4]),
            )
            / 8
        )
    )
    np.testing.assert_allclose(sampled, full, atol=5e-3)


def _plain_softmax(hidden, labels, kernel, bias, weights):
    logits = tf.matmul(hidden, kernel, transpose_b=True) + bias
    losses = tf.nn.sparse_softmax_cross_entropy_with_logits(
        labels, softmax.mask_reserved(logits)
    )
    return tf.reduce_sum(weights * losses)


def _softmax_case(positions, scale=1.0):
    """Vectors, labels, a table of 50 items, and unequal weights."""
    draw = tf.random.stateless_normal
    return (
        scale * draw([positions, 5], [1, 2]),
        tf.random.stateless_uniform([positions], [9, 9], 2, 50, tf.int32),
        draw([50, 5], [3, 4]),
        draw([50], [5, 6]),
        draw([positions], [7, 8]),
    )


def _value_and_gradients(loss, hidden, labels, kernel, bias, weights):
    watched = [hidden, kernel, bias]
    with tf.GradientTape() as tape:
        tape.watch(watched)
        value = loss(hidden, labels, kernel, bias, weights)
        scaled = 3.0 * value  # what comes from above is not 1
    return value, *tape.gradient(scaled, watched)


# One position, 7 and all 512 at a time, where 50 items are scored.
@pytest.mark.parametrize("num_bytes", [1, 4 * 48 * 7, 64 << 20])
@pytest.mark.parametrize("mode", ["eager", "graph", "xla"])
def test_the_fused_softmax_equals_the_plain_one(monkeypatch, num_bytes, mode):
    monkeypatch.setattr(softmax, "_CHUNK_BYTES", num_bytes)
    case = _softmax_case(70 if mode == "eager" else 700)
    run = _value_and_gradients
    if mode != "eager":
        run = tf.function(run, jit_compile=mode == "xla")
    got = run(softmax.next_item_softmax, *case)
    expected = _value_and_gradients(_plain_softmax, *case)
    for one, other in zip(got, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-4)


def test_the_fused_softmax_takes_any_number_of_positions():
    """None too, and one graph serves all of them."""
    spec = [
        tf.TensorSpec(shape, dtype)
        for shape, dtype in (
            ([None, 5], tf.float32),
            ([None], tf.int32),
            ([50, 5], tf.float32),
            ([50], tf.float32),
            ([None], tf.float32),
        )
    ]
    both = tf.function(
        lambda *case: (
            _value_and_gradients(softmax.next_item_softmax, *case),
            tf.reduce_sum(case[-1] * softmax.next_item_losses(*case[:-1])),
        ),
        input_signature=spec,
    )
    for positions in (0, 1, 511, 513, 1025):
        case = _softmax_case(positions)
        got, total = both(*case)
        expected = _value_and_gradients(_plain_softmax, *case)
        np.testing.assert_allclose(total, expected[0], rtol=1e-4, atol=1e-3)
        for one, other in zip(got, expected, strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-3)


def test_the_fused_softmax_stays_finite_where_logits_are_large():
    case = _softmax_case(20, scale=1e4)
    for value in _value_and_gradients(softmax.next_item_softmax, *case):
        assert np.isfinite(value).all()


def test_reserved_rows_get_no_gradient():
    case = _softmax_case(20)
    *_, of_kernel, of_bias = _value_and_gradients(
        softmax.next_item_softmax, *case
    )
    assert not np.any(of_kernel[:FIRST_ITEM])
    assert not np.any(of_bias[:FIRST_ITEM])
