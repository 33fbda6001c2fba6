"""Losses against hand-worked numbers."""

import numpy as np
import pytest
import tensorflow as tf

from tfxdr.layers.target_head import TargetHead
from tfxdr.ops import losses
from tfxdr.registry import losses as registry
from tfxdr.types import FIRST_ITEM, Batch


@pytest.fixture
def head():
    head = TargetHead(5)
    head.build(tf.TensorShape([None, 2]))
    kernel = [[9, 9], [9, 9], [1, 0], [0, 1], [1, 1]]
    head.kernel.assign(tf.constant(kernel, tf.float32))
    head.bias.assign([7.0, 7.0, 0.0, 0.5, -1.0])
    return head


@pytest.fixture
def batch():
    return Batch(
        history=tf.constant([[2]]),
        positives=tf.constant([[2, 3]]),
        negatives=tf.constant([[[3, 4], [4, 4]]]),
        candidates=tf.zeros([0, 0], tf.int32),
        seed=tf.constant([0, 0]),
        step=tf.constant(0),
        epoch=tf.constant(0),
    )


USER = tf.constant([[2.0, 3.0]])
# Logits of items 2, 3, 4: 2, 3.5, 4.


def softplus(x):
    return np.log1p(np.exp(x))


def test_bpr_is_the_mean_over_negatives(head, batch):
    values = registry.build("bpr")(USER, head, batch)
    first = (softplus(3.5 - 2) + softplus(4 - 2)) / 2
    np.testing.assert_allclose(values, [[first, softplus(4 - 3.5)]], rtol=1e-5)


def test_bce_sums_positive_and_negatives(head, batch):
    values = registry.build("bce")(USER, head, batch)
    first = softplus(-2) + softplus(3.5) + softplus(4)
    second = softplus(-3.5) + 2 * softplus(4)
    np.testing.assert_allclose(values, [[first, second]], rtol=1e-5)


def test_softmax_leaves_reserved_items_out(head, batch):
    values = registry.build("softmax")(USER, head, batch)
    total = np.log(np.exp([2, 3.5, 4]).sum())
    np.testing.assert_allclose(values, [[total - 2, total - 3.5]], rtol=1e-5)


def test_sampled_softmax_is_over_positive_and_negatives(head, batch):
    values = registry.build("sampled_softmax")(USER, head, batch)
    first = np.log(np.exp([2, 3.5, 4]).sum()) - 2
    second = np.log(np.exp([3.5, 4, 4]).sum()) - 3.5
    np.testing.assert_allclose(values, [[first, second]], rtol=1e-5)


def test_in_batch_by_hand(head):
    prob = np.array([0, 0, 0.5, 0.3, 0.2], np.float32)
    batch = Batch(
        history=tf.constant([[2], [2]]),
        positives=tf.constant([[2, 3], [4, 0]]),
        negatives=tf.zeros([2, 2, 0], tf.int32),
        candidates=tf.zeros([0, 0], tf.int32),
        seed=tf.constant([0, 0]),
        step=tf.constant(0),
        epoch=tf.constant(0),
    )
    user = tf.constant([[2.0, 3.0], [1.0, 0.0]])
    values = build("in_batch", item_probability=prob)(user, head, batch)
    # Logits of items 2, 3, 4: user 0 has 2, 3.5, 4 and user 1 has 1, 0.5, 0.
    logits = np.array([[2, 3.5, 4], [1, 0.5, 0]]) - np.log(prob[2:])

    def loss(row, positive, candidates):
        return np.log(np.exp(row[candidates]).sum()) - row[positive]

    expected = [
        [loss(logits[0], 0, [0, 2]), loss(logits[0], 1, [1, 2])],
        [loss(logits[1], 2, [0, 1, 2]), 0],
    ]
    np.testing.assert_allclose(values, expected, rtol=1e-4)


def build(name, item_probability=(0, 0, 0.4, 0.3, 0.3)):
    return registry.build(name, item_probability=item_probability)


def test_every_loss_gives_each_instance_a_value_and_a_gradient(head):
    batch = Batch(
        history=tf.constant([[2], [2]]),
        positives=tf.constant([[2, 3], [4, 2]]),
        negatives=tf.constant([[[3, 4], [4, 4]], [[3, 3], [3, 4]]]),
        candidates=tf.zeros([0, 0], tf.int32),
        seed=tf.constant([0, 0]),
        step=tf.constant(0),
        epoch=tf.constant(0),
    )
    user = tf.constant([[2.0, 3.0], [1.0, 0.0]])
    for entry in registry.entries():
        with tf.GradientTape() as tape:
            values = build(entry.name)(user, head, batch)
        assert values.shape == batch.positives.shape, entry.name
        gradient = tape.gradient(values, head.kernel)
        gradient = tf.convert_to_tensor(gradient)
        assert float(tf.reduce_max(tf.abs(gradient))) > 0, entry.name
        assert not np.any(gradient[:FIRST_ITEM]), entry.name


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
    values = losses.next_item_softmax(hidden, labels, kernel, bias)
    np.testing.assert_allclose(values, expected, rtol=1e-5)


def test_log_uniform_draws_follow_their_expected_counts():
    num_items, num_samples = 12, 200_000
    items, log_count = losses.log_uniform_sample(
        num_samples, num_items, tf.constant([1, 2])
    )
    counts = np.bincount(items, minlength=num_items)
    assert counts[:FIRST_ITEM].sum() == 0
    all_items = tf.range(FIRST_ITEM, num_items)
    expected = np.exp(
        losses.log_expected_count(all_items, num_samples, num_items)
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
        lambda: losses.next_item_softmax(hidden, labels, kernel, bias)
    )
    sampled = gradient(
        lambda: losses.next_item_sampled_softmax(
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
    monkeypatch.setattr(losses, "_CHUNK_BYTES", num_bytes)
    draw = tf.random.stateless_normal
    hidden, kernel = draw([700, 5], [1, 2]), draw([50, 5], [3, 4])
    bias, weight = draw([50], [5, 6]), draw([700], [7, 8])
    labels = tf.random.stateless_uniform([700], [9, 9], 2, 50, tf.int32)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch([hidden, kernel, bias])
        values = losses.next_item_softmax(hidden, labels, kernel, bias)
        logits = tf.matmul(hidden, kernel, transpose_b=True) + bias
        whole = tf.nn.sparse_softmax_cross_entropy_with_logits(
            labels, losses.mask_reserved(logits)
        )
        sums = tf.reduce_sum(weight * values), tf.reduce_sum(weight * whole)
    np.testing.assert_allclose(values, whole, rtol=1e-5)
    for got, expected in zip(
        *(tape.gradient(s, [hidden, kernel, bias]) for s in sums), strict=True
    ):
        np.testing.assert_allclose(got, expected, atol=1e-4)
