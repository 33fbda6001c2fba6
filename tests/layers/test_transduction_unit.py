"""The transduction unit against NumPy, and what may see what."""

import numpy as np
import pytest
import tensorflow as tf

from tfxdr.layers.transduction_unit import TransductionUnit

SEED = tf.constant([1, 2])


def strong(**options):
    """A unit with weights large enough that no error can hide."""
    block = TransductionUnit(**{"channels": 6, "num_heads": 2} | options)
    block.build(tf.TensorShape([None, None, 6]))
    rng = np.random.default_rng(0)
    for variable in block.trainable_variables:
        variable.assign(rng.normal(0.2, 0.6, variable.shape))
    return block


def inputs():
    """Hidden vectors, and a mask with 0, 2 and 5 positions of padding."""
    hidden = np.random.default_rng(1).normal(size=(3, 5, 6))
    mask = np.arange(5) >= np.array([[0], [2], [5]])
    return hidden.astype(np.float32), mask


def silu(x):
    return x / (1 + np.exp(-x))


def layer_norm(x):
    variance = x.var(-1, keepdims=True)
    return (x - x.mean(-1, keepdims=True)) / np.sqrt(variance + 1e-6)


def attention(q, k, v, mask, block):
    """`A V` of one history, query by query, head by head, key by key."""
    table = block.distance_bias.table.numpy().astype(float)
    size = block.channels // block.num_heads
    mixed = np.zeros_like(v)
    for row in range(len(v)):
        keys = [key for key in range(row + 1) if mask[key]]
        for head in range(block.num_heads):
            part = slice(head * size, (head + 1) * size)
            for key in keys:
                bias = table[min(row - key, len(table) - 1)]
                weight = silu(q[row, part] @ k[key, part] + bias)
                mixed[row, part] += weight * v[key, part] / len(keys)
    return mixed


def reference(x, mask, block):
    """`F(X)` of one history, in float64."""
    (first,), (last, bias) = (
        [w.numpy().astype(float) for w in layer.weights]
        for layer in (block.input_projection, block.output_projection)
    )
    u, v, q, k = np.split(silu(layer_norm(x) @ first), 4, axis=-1)
    return layer_norm(attention(q, k, v, mask, block)) * u @ last + bias


@pytest.mark.parametrize(
    "options", [{}, {"num_heads": 1}, {"num_heads": 3, "max_length": 2}]
)
def test_it_is_what_the_paper_says(options):
    block = strong(**options)
    hidden, mask = inputs()
    result = block(hidden, mask=mask)
    for row in range(3):
        np.testing.assert_allclose(
            result[row],
            reference(hidden[row].astype(float), mask[row], block),
            rtol=1e-5,
            atol=1e-5,
        )


def test_without_a_mask_every_position_counts():
    block = strong()
    hidden, mask = inputs()
    np.testing.assert_array_equal(
        block(hidden), block(hidden, mask=np.ones_like(mask))
    )


def test_who_sees_whom():
    block = strong()
    hidden, _ = inputs()
    mask = np.arange(5) >= np.array([[1]] * 3)
    before = block(hidden, mask=mask)
    for changed in range(1, 5):
        other = hidden.copy()
        other[:, changed] += [1, -1, 2, -2, 3, -3]
        moved = np.abs(block(other, mask=mask) - before).max(axis=(0, 2))
        np.testing.assert_array_equal(moved > 1e-4, np.arange(5) >= changed)


def test_padding_is_no_key_and_does_not_count():
    block = strong()
    hidden, _ = inputs()
    mask = np.arange(5) >= np.array([[3]] * 3)
    np.testing.assert_allclose(
        block(hidden, mask=mask)[:, 3:], block(hidden[:, 3:]), atol=1e-5
    )


def test_weights_of_a_row_are_not_normalized():
    block = strong(num_heads=1)
    block.distance_bias.table.assign([-50.0] * 200)  # SiLU is 0 there
    hidden, _ = inputs()
    bias = block.output_projection.bias
    np.testing.assert_allclose(
        block(hidden), np.broadcast_to(bias, hidden.shape), atol=1e-5
    )


@pytest.mark.parametrize("jit", [False, True])
def test_gradients_agree_with_eager_and_reach_every_weight(jit):
    block = strong()
    hidden, mask = map(tf.constant, inputs())

    def gradients():
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(block(hidden, mask=mask) ** 2)
        found = tape.gradient(loss, block.trainable_variables)
        return [tf.convert_to_tensor(gradient) for gradient in found]

    graph = tf.function(gradients, jit_compile=jit)
    for one, other in zip(gradients(), graph(), strict=True):
        assert np.abs(one).max() > 1e-3
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-4)


def test_dropout_needs_a_seed_and_follows_it():
    block = strong(dropout=0.5)
    hidden, mask = inputs()

    def run(seed):
        return block(hidden, mask=mask, seed=seed)

    np.testing.assert_array_equal(run(SEED), run(SEED))
    np.testing.assert_array_equal(
        run(None), strong(dropout=0.0)(hidden, mask=mask, seed=SEED)
    )
    for other in (None, tf.constant([1, 3])):
        assert np.abs(run(SEED) - run(other)).max() > 0.1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"num_heads": 4}, "num_heads=4, channels=6"),
        ({"dropout": 1.0}, "dropout .* received 1"),
        ({"max_length": 0}, "max_length .* received 0"),
    ],
)
def test_options_out_of_range_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        TransductionUnit(**{"channels": 6} | options)
