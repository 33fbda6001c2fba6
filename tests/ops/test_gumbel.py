"""Gumbel noise, and its straight-through sample."""

import numpy as np
import pytest
import tensorflow as tf
from scipy import stats

from tfxdr.ops.gumbel import gumbel_softmax, sample_gumbel, straight_through

SEED = tf.constant([3, 5])


def test_noise_is_gumbel_distributed_and_finite():
    noise = sample_gumbel([200_000], SEED).numpy()
    assert np.isfinite(noise).all()
    assert stats.kstest(noise, stats.gumbel_r.cdf).pvalue > 0.01


def test_noise_is_finite_at_both_ends_of_the_uniform(monkeypatch):
    ends = tf.constant([0.0, 1.0 - 2.0**-23])
    monkeypatch.setattr(tf.random, "stateless_uniform", lambda *_, **__: ends)
    np.testing.assert_allclose(
        sample_gumbel([2], SEED), [-2.811, 16.636], atol=1e-3
    )


def test_straight_through_is_exact():
    hard, soft = tf.constant([0.0, 1.0, 1.0]), tf.constant([0.1, 0.3, 1e-9])
    with tf.GradientTape() as tape:
        tape.watch([hard, soft])
        out = straight_through(hard, soft)
    np.testing.assert_array_equal(out, hard)
    to_hard, to_soft = tape.gradient(out, [hard, soft])
    assert to_hard is None
    np.testing.assert_array_equal(to_soft, [1, 1, 1])


@pytest.mark.parametrize("prob", [0.05, 0.3, 0.5, 0.9])
@pytest.mark.parametrize("temperature", [0.5, 10.0])
def test_frequencies_are_the_probabilities(prob, temperature):
    log_prob = tf.math.log(tf.constant([prob, 1 - prob]))
    drawn = gumbel_softmax(
        tf.tile(log_prob[None], [20_000, 1]), temperature, SEED
    )
    count = np.sum(drawn.numpy(), axis=0)
    expected = 20_000 * np.array([prob, 1 - prob])
    assert stats.chisquare(count, expected).pvalue > 0.01


def test_blocks_and_users_are_drawn_independently():
    log_prob = tf.math.log(tf.fill([5000, 3, 2], 0.5))
    drawn = gumbel_softmax(log_prob, 10.0, SEED).numpy()[..., 0]
    pattern = drawn @ [4, 2, 1]
    count = np.bincount(pattern.astype(int), minlength=8)
    assert stats.chisquare(count).pvalue > 0.01


def test_forward_is_one_hot_and_backward_is_the_relaxation():
    log_prob = tf.nn.log_softmax(tf.random.stateless_normal([4, 3, 2], [1, 2]))
    weight = tf.random.stateless_normal([4, 3, 2], [3, 4])
    noise = sample_gumbel(tf.shape(log_prob), SEED)
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(log_prob)
        drawn = gumbel_softmax(log_prob, 2.0, SEED)
        relaxed = tf.nn.softmax((log_prob + noise) / 2.0)
        out, expected = (
            tf.reduce_sum(weight * drawn),
            tf.reduce_sum(weight * relaxed),
        )
    assert set(np.unique(drawn)) == {0.0, 1.0}
    np.testing.assert_array_equal(tf.reduce_sum(drawn, -1), np.ones([4, 3]))
    np.testing.assert_array_equal(
        tf.argmax(drawn, -1), tf.argmax(log_prob + noise, -1)
    )
    np.testing.assert_allclose(
        tape.gradient(out, log_prob), tape.gradient(expected, log_prob)
    )
