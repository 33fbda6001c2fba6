"""Policies as layers of a model of one's own."""

import numpy as np
import pytest
import tensorflow as tf
from tensorflow import keras

import tfxdr
from tfxdr.policies import PolicyLayer

HISTORY = tf.constant([[2, 3], [4, 5], [0, 6]])
LOGITS = tf.constant([[[1.0, 0.0], [0.0, 1.0]]] * 3)


def test_inference_decides_as_the_policy_does():
    layer = PolicyLayer("gumbel")
    assert layer(LOGITS, HISTORY).numpy().tolist() == [[1.0, 0.0]] * 3
    assert layer._step == 0


def test_training_draws_anew_and_can_be_repeated():
    logits = tf.zeros([64, 4, 2])
    history = tf.ones([64, 1], tf.int32)
    first, other = (PolicyLayer("gumbel", seed=3) for _ in range(2))
    draws = [first(logits, history, training=True).numpy() for _ in range(3)]
    again = [other(logits, history, training=True).numpy() for _ in range(3)]
    np.testing.assert_array_equal(draws, again)
    assert not np.array_equal(draws[0], draws[1])
    assert first._step == 3


def test_a_static_policy_decides_for_all():
    layer = PolicyLayer("last-1")
    found = layer(LOGITS, HISTORY, training=True)
    assert found.numpy().tolist() == [[0.0, 1.0]] * 3


def test_random_reads_the_history():
    layer = PolicyLayer("random", seed=1)
    history = tf.reshape(tf.range(2, 42), [40, 1])
    found = layer(tf.zeros([40, 3, 2]), history).numpy()
    assert 0.2 < found.mean() < 0.8
    assert len(np.unique(found, axis=0)) > 2


def test_what_needs_ranks_is_refused():
    with pytest.raises(ValueError, match="adds one that needs ranks"):
        PolicyLayer("rl-scst")
    with pytest.raises(ValueError, match="one that decides"):
        PolicyLayer("popularity")


class Plain(keras.Model):
    def __init__(self, policy):
        super().__init__()
        self.block = tfxdr.layers.RoutedBlock(
            keras.layers.Dense(4), keras.layers.Dense(4)
        )
        self.logits = keras.layers.Dense(2)
        self.policy = PolicyLayer(policy)

    def call(self, hidden, training=None):
        logits = self.logits(hidden[:, 0])[:, tf.newaxis]
        history = tf.ones([tf.shape(hidden)[0], 1], tf.int32)
        actions = self.policy(logits, history, training=training)
        return hidden + self.block(hidden, actions[:, 0])


@pytest.mark.parametrize("policy", ["gumbel", "soft", "all"])
def test_a_plain_model_learns_by_fit(policy):
    keras.utils.set_random_seed(0)
    x = np.random.default_rng(0).normal(size=[64, 3, 4]).astype(np.float32)
    model = Plain(policy)
    model.compile(keras.optimizers.Adam(0.05), "mse")
    before = model.evaluate(x, 2 * x, verbose=0)
    frozen = [w.copy() for w in model.block.frozen.get_weights()]
    model.fit(x, 2 * x, epochs=30, verbose=0)
    assert model.evaluate(x, 2 * x, verbose=0) < before / 2
    for then, now in zip(frozen, model.block.frozen.get_weights(), strict=True):
        np.testing.assert_array_equal(then, now)
    if policy != "all":
        assert any(model.logits.kernel.numpy().ravel())
        assert model.logits.trainable_variables
