"""The block against its own layers, called one by one."""

import numpy as np
import pytest
import tensorflow as tf

from tfxdr.layers.adapter import AdaptedBlock, Adapter
from tfxdr.layers.causal_convolution import CausalConvolutionBlock
from tfxdr.ops.positions import LAST, Positions

CHANNELS = 6


def make(dilation=2, kernel_size=3):
    block = CausalConvolutionBlock(CHANNELS, kernel_size, dilation)
    block.build([None, None, CHANNELS])
    random = np.random.default_rng(0)
    for variable in block.trainable_variables:
        variable.assign(random.normal(0.2, 1.0, variable.shape))
    return block


def inputs(length):
    """Hidden vectors and a mask that leaves a beginning out."""
    hidden = tf.random.stateless_normal([3, length, CHANNELS], [length, 1])
    begins = tf.constant([0, length // 3, length - 1])
    return hidden, tf.range(length) >= begins[:, tf.newaxis]


def layer_by_layer(block, hidden, mask):
    for convolution, norm in zip(block.convolutions, block.norms, strict=True):
        hidden *= tf.cast(mask, tf.float32)[..., tf.newaxis]
        hidden = tf.nn.relu(norm(convolution(hidden)))
    return hidden


def value_and_gradients(block, call, hidden, mask):
    with tf.GradientTape() as tape:
        tape.watch(hidden)
        value = call(hidden, mask)
        loss = tf.reduce_sum(tf.sin(value))
    return value, *tape.gradient(loss, [hidden, *block.trainable_variables])


@pytest.mark.parametrize("mode", ["eager", "graph", "xla"])
def test_it_is_what_its_layers_say(mode):
    block = make()

    def run(hidden, mask):
        return value_and_gradients(block, block, hidden, mask)

    if mode != "eager":
        run = tf.function(run, jit_compile=mode == "xla")
    case = inputs(9)
    expected = value_and_gradients(
        block, lambda *given: layer_by_layer(block, *given), *case
    )
    for one, other in zip(run(*case), expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("length", [1, 5, 40])
@pytest.mark.parametrize("outputs", [LAST, Positions(4, 4), Positions(3, 1)])
@pytest.mark.parametrize("kind", ["plain", "serial", "parallel"])
def test_what_is_read_alone_gives_the_same(kind, outputs, length):
    block = make()
    if kind != "plain":
        adapters = [
            Adapter(CHANNELS, parallel=kind == "parallel") for _ in range(2)
        ]
        block = AdaptedBlock(block, adapters)
    hidden, mask = inputs(length)
    whole = block(hidden, mask)
    read = block.reads(outputs)
    part = block(read.of(hidden), read.of(mask), outputs=outputs)
    np.testing.assert_allclose(part, outputs.of(whole), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("mode", ["graph", "xla"])
def test_one_graph_serves_short_and_long_histories(mode):
    block = make()
    read = block.reads(LAST)

    @tf.function(
        input_signature=[
            tf.TensorSpec([None, None, CHANNELS]),
            tf.TensorSpec([None, None], tf.bool),
        ],
        jit_compile=mode == "xla",
    )
    def run(hidden, mask):
        return value_and_gradients(
            block,
            lambda x, m: block(read.of(x), read.of(m), outputs=LAST),
            hidden,
            mask,
        )

    for length in (2, 40):
        case = inputs(length)
        expected = value_and_gradients(
            block, lambda x, m: layer_by_layer(block, x, m)[:, -1:], *case
        )
        for one, other in zip(run(*case), expected, strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-4)
