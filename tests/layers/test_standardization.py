"""Moments of the batch in training, running ones at inference."""

import numpy as np
import pytest
import tensorflow as tf

from tfxdr.layers.standardization import Standardization


@pytest.fixture
def vectors():
    """Nearly one vector, as those of new encoders are."""
    random = np.random.default_rng(2)
    common, own = random.normal(size=[1, 5]), random.normal(size=[40, 5])
    return (3 * common + 0.1 * own).astype(np.float32)


def test_training_takes_out_what_users_share(vectors):
    out = Standardization()(vectors, training=True).numpy()
    np.testing.assert_allclose(out.mean(0), 0, atol=1e-4)
    np.testing.assert_allclose(out.std(0), 1, rtol=5e-3)


def test_one_batch_makes_the_moments(vectors):
    layer = Standardization()
    layer(vectors, training=True)
    np.testing.assert_allclose(layer.mean, vectors.mean(0), rtol=1e-5)
    np.testing.assert_allclose(layer.variance, vectors.var(0), rtol=1e-4)


def test_moments_are_averages_then_run():
    layer = Standardization()
    means = [float(number) for number in range(12)]
    for mean in means:
        layer(np.array([[mean - 1], [mean + 1]], np.float32), training=True)
    expected = np.mean(means[:10])
    for mean in means[10:]:
        expected = 0.9 * expected + 0.1 * mean
    assert float(layer.mean[0]) == pytest.approx(expected, rel=1e-5)
    assert float(layer.variance[0]) == pytest.approx(1, rel=1e-5)


@pytest.mark.parametrize("mode", ["eager", "function", "xla"])
def test_an_answer_does_not_depend_on_the_batch(vectors, mode):
    layer = Standardization()
    layer(vectors, training=True)
    call = layer
    if mode != "eager":
        call = tf.function(layer, jit_compile=mode == "xla")
    whole = call(vectors).numpy()
    single = [call(vectors[row : row + 1]).numpy()[0] for row in range(3)]
    np.testing.assert_allclose(whole[:3], single, rtol=1e-5, atol=1e-6)
    # Inference remembers nothing.
    assert float(layer.batches) == 1


def test_the_gradient_is_that_of_the_whole_batch(vectors):
    """What moves all users alike moves nothing."""
    vector = tf.Variable(vectors)
    layer = Standardization()
    with tf.GradientTape() as tape:
        out = tf.reduce_sum(layer(vector, training=True) ** 3)
    gradient = tape.gradient(out, vector).numpy()
    assert np.abs(gradient).max() > 1e-3
    np.testing.assert_allclose(gradient.sum(0), 0, atol=2e-2)
    assert layer.trainable_variables == []
