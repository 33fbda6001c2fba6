"""Layer norm with its ReLU against Keras's, one after the other."""

import numpy as np
import pytest
import tensorflow as tf
from tensorflow import keras

from tfxdr.ops.normalization import normalized_relu

EPSILON = 1e-8


def _plain(values, scale, offset, mask=None):
    layer = keras.layers.LayerNormalization(epsilon=EPSILON)
    layer.build(values.shape)
    layer.gamma, layer.beta = scale, offset
    output = tf.nn.relu(layer(values))
    if mask is None:
        return output
    return tf.where(mask[..., tf.newaxis], output, 0.0)


def _fused(values, scale, offset, mask=None):
    return normalized_relu(values, scale, offset, EPSILON, mask)


def _value_and_gradients(compute, values, scale, offset, mask=None):
    watched = [values, scale, offset]
    with tf.GradientTape() as tape:
        tape.watch(watched)
        output = compute(*watched, mask)
        loss = tf.reduce_sum(tf.sin(output))
    return output, *tape.gradient(loss, watched)


def _inputs(spread=1.0):
    draw = tf.random.stateless_normal
    values = 3.0 + spread * draw([4, 6, 8], [1, 2])
    return values, draw([8], [3, 4]), draw([8], [5, 6])


MASK = tf.constant(np.random.default_rng(0).random([4, 6]) < 0.7)


@pytest.mark.parametrize("mask", [None, MASK], ids=["whole", "masked"])
@pytest.mark.parametrize("mode", ["eager", "graph", "xla"])
def test_it_is_keras_with_a_relu(mode, mask):
    inputs = _inputs()
    run = _value_and_gradients
    if mode != "eager":
        run = tf.function(run, jit_compile=mode == "xla")
    expected = _value_and_gradients(_plain, *inputs, mask)
    for one, other in zip(run(_fused, *inputs, mask), expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=2e-5)


@pytest.mark.parametrize("spread", [1e-2, 1e-3, 0.0])
def test_epsilon_is_its_own_behind_a_convolution_too(spread):
    """Graph rewriters know such patterns, with an epsilon of theirs."""
    values, scale, offset = _inputs(spread)
    values -= 3.0
    kernel = tf.eye(8)[tf.newaxis]

    @tf.function
    def compute(values):
        output = tf.nn.conv1d(values, kernel, 1, "SAME")
        output = tf.nn.bias_add(output, tf.zeros([8]))
        return _fused(output, scale, offset)

    numbers = np.asarray(values, np.float64)
    centered = numbers - numbers.mean(-1, keepdims=True)
    deviation = np.sqrt(np.square(centered).mean(-1, keepdims=True) + EPSILON)
    expected = np.maximum(centered / deviation * scale + offset, 0.0)
    np.testing.assert_allclose(compute(values), expected, rtol=1e-3, atol=1e-4)


def test_any_number_of_rows():
    _, scale, offset = _inputs()
    run = tf.function(
        lambda values: _value_and_gradients(_fused, values, scale, offset),
        input_signature=[tf.TensorSpec([None, None, 8])],
    )
    for batch, length in ((0, 3), (2, 1), (1, 9)):
        values = tf.random.stateless_normal([batch, length, 8], [batch, 1])
        output, *gradients = run(values)
        assert output.shape == values.shape
        assert all(np.isfinite(gradient).all() for gradient in gradients)
