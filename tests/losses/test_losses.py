"""Losses against hand-worked numbers."""

import numpy as np
import pytest
import tensorflow as tf

import tfxdr.losses  # noqa: F401
from tfxdr.layers.target_head import TargetHead
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


def test_every_loss_gives_each_instance_a_value_and_a_gradient(
    head, registries
):
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
