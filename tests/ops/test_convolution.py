"""Causal convolutions against TensorFlow's own."""

import numpy as np
import pytest
import tensorflow as tf

from tfxdr.ops.convolution import causal_convolution


def _plain(hidden, kernel, bias, dilation=1, stride=1, count=None):
    """Every position by TensorFlow's convolution, then those asked for."""
    reach = (kernel.shape[0] - 1) * dilation
    padded = tf.pad(hidden, [[0, 0], [reach, 0], [0, 0]])
    output = tf.nn.convolution(
        padded, kernel, padding="VALID", dilations=dilation
    )
    return (output + bias)[:, ::-stride][:, :count][:, ::-1]


def _inputs(length, taps=3, batch=2):
    draw = tf.random.stateless_normal
    return (
        draw([batch, length, 5], [1, length]),
        draw([taps, 5, 4], [2, 3]),
        draw([4], [4, 5]),
    )


def _value_and_gradients(convolve, inputs, options):
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        value = convolve(*inputs, **options)
        loss = tf.reduce_sum(tf.sin(value))  # slopes that differ
    return value, *tape.gradient(loss, inputs)


CASES = [
    (9, 3, {"dilation": 1}),
    (9, 3, {"dilation": 4}),
    (3, 3, {"dilation": 8}),  # taps that reach no position at all
    (9, 2, {"dilation": 3}),
    (9, 1, {}),
    (9, 3, {"dilation": 2, "count": 4}),
    (9, 3, {"dilation": 1, "stride": 2, "count": 4}),
    (4, 3, {"dilation": 1, "stride": 2, "count": 4}),  # a short history
    (11, 3, {"dilation": 2, "stride": 3, "count": 3}),
    (8, 1, {"stride": 3}),  # positions that nothing reads
    (9, 3, {"count": 1}),
]


@pytest.mark.parametrize(("length", "taps", "options"), CASES)
@pytest.mark.parametrize("mode", ["eager", "graph", "xla"])
def test_it_is_the_plain_convolution(mode, length, taps, options):
    inputs = _inputs(length, taps)

    def run(*inputs):
        return _value_and_gradients(causal_convolution, list(inputs), options)

    if mode != "eager":
        run = tf.function(run, jit_compile=mode == "xla")
    expected = _value_and_gradients(_plain, list(inputs), options)
    for one, other in zip(run(*inputs), expected, strict=True):
        assert one.shape == other.shape
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-5)


def test_one_graph_takes_any_number_of_users_and_positions():
    options = {"dilation": 2, "stride": 2, "count": 3}

    @tf.function(input_signature=[tf.TensorSpec([None, None, 5])])
    def run(hidden):
        _, kernel, bias = _inputs(1)
        return _value_and_gradients(
            causal_convolution, [hidden, kernel, bias], options
        )

    for batch, length in ((2, 1), (1, 4), (3, 30)):
        hidden, *weights = _inputs(length, batch=batch)
        got = run(hidden)
        expected = _value_and_gradients(_plain, [hidden, *weights], options)
        for one, other in zip(got, expected, strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-5)


def test_its_gradient_has_a_gradient():
    def second(convolve):
        hidden, kernel, bias = _inputs(6)
        with tf.GradientTape() as outer:
            outer.watch(kernel)
            with tf.GradientTape() as inner:
                inner.watch(hidden)
                value = convolve(hidden, kernel, bias, dilation=2)
                loss = tf.reduce_sum(value**3)
            slope = inner.gradient(loss, hidden)
            squared = tf.reduce_sum(slope**2)
        return outer.gradient(squared, kernel)

    np.testing.assert_allclose(
        second(causal_convolution), second(_plain), rtol=1e-4
    )


def test_where_there_is_a_gpu_tensorflow_takes_the_gradient(monkeypatch):
    monkeypatch.setattr(tf.config, "get_visible_devices", lambda kind: [kind])
    inputs = list(_inputs(6))
    with tf.GradientTape(persistent=True) as tape:
        tape.watch(inputs)
        value = causal_convolution(*inputs)
    expected = _value_and_gradients(_plain, inputs, {})
    np.testing.assert_allclose(value, expected[0], rtol=1e-5, atol=1e-5)
    graph = tf.function(causal_convolution).get_concrete_function(*inputs)
    kinds = {op.type for op in graph.graph.get_operations()}
    assert "Conv2D" in kinds and "IdentityN" not in kinds
