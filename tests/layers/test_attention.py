"""The attention block against NumPy, and what may see what."""

import math

import numpy as np
import pytest
import tensorflow as tf

from tfxdr.layers.attention import AttentionBlock

SEED = tf.constant([1, 2])


def strong(**options):
    """A block with weights large enough that no error can hide."""
    block = AttentionBlock(**{"channels": 6, "num_heads": 2} | options)
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


def layer_norm(x, layer):
    gamma, beta = (w.numpy().astype(float) for w in layer.weights)
    mean = x.mean(-1, keepdims=True)
    return (x - mean) / np.sqrt(x.var(-1, keepdims=True) + 1e-8) * gamma + beta


def dense(x, layer):
    weights = [w.numpy().astype(float) for w in layer.weights]
    return x @ weights[0] + (weights[1] if layer.use_bias else 0)


def attention(x, visible, block):
    """One history, position by position and head by head."""
    q, k, v = (dense(x, n) for n in (block.query, block.key, block.value))
    size = block.channels // block.num_heads
    mixed = np.zeros_like(x)
    for head in range(block.num_heads):
        part = slice(head * size, (head + 1) * size)
        for row in range(len(x)):
            keys = np.flatnonzero(visible[row])
            if not len(keys):
                continue
            scores = k[keys, part] @ q[row, part] / math.sqrt(size)
            probs = np.exp(scores - scores.max())
            mixed[row, part] = probs / probs.sum() @ v[keys, part]
    return dense(mixed, block.output_projection)


def gelu(x):
    return x * (1 + np.vectorize(math.erf)(x / math.sqrt(2))) / 2


def reference(x, mask, block):
    """`F(E)` of one history, in float64."""
    visible = mask[np.newaxis] & mask[:, np.newaxis]
    if block.causal:
        visible &= np.tri(len(x), dtype=bool)
    attended = attention(layer_norm(x, block.norms[0]), visible, block)
    read = dense(layer_norm(x + attended, block.norms[1]), block.inner)
    activated = gelu(read) if block.activation == "gelu" else read.clip(0)
    return attended + dense(activated, block.outer)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"num_heads": 1, "hidden_size": 9},
        {"causal": False, "activation": "gelu", "num_heads": 3},
    ],
)
def test_it_is_what_the_paper_says(options):
    block = strong(**options)
    hidden, mask = inputs()
    result = block(hidden, mask=mask)
    assert np.isfinite(result).all()
    for row in range(3):
        np.testing.assert_allclose(
            result[row],
            reference(hidden[row].astype(float), mask[row], block),
            rtol=2e-4,
            atol=2e-4,
        )


def test_without_a_mask_every_position_counts():
    block = strong()
    hidden, mask = inputs()
    np.testing.assert_allclose(
        block(hidden), block(hidden, mask=np.ones_like(mask)), atol=1e-5
    )


@pytest.mark.parametrize("causal", [False, True])
def test_who_sees_whom(causal):
    block = strong(causal=causal)
    hidden, _ = inputs()
    mask = np.arange(5) >= np.array([[1]] * 3)
    before = block(hidden, mask=mask)
    for changed in range(5):
        other = hidden.copy()
        other[:, changed] += [1, -1, 2, -2, 3, -3]
        after = block(other, mask=mask)
        moved = np.abs(after - before).max(axis=(0, 2)) > 1e-4
        expected = np.arange(5) >= (changed if causal else 1)
        expected[0] = False
        if changed == 0:  # padding, which none but itself sees
            expected[:] = False
            expected[0] = True
        np.testing.assert_array_equal(moved, expected)


@pytest.mark.parametrize("jit", [False, True])
def test_graph_and_xla_agree_with_eager(jit):
    block = strong()
    hidden, mask = map(tf.constant, inputs())
    graph = tf.function(block.call, jit_compile=jit)
    np.testing.assert_allclose(
        graph(hidden, mask), block(hidden, mask=mask), rtol=1e-4, atol=1e-4
    )


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


def test_dropout_falls_on_both_outputs():
    block = strong(dropout=0.5)
    hidden = np.tile(inputs()[0][:1], [2000, 1, 1])
    result = block(hidden, seed=SEED).numpy()
    # 0 where both were dropped, which is half of a half.
    assert np.mean(result == 0) == pytest.approx(0.25, abs=0.02)


def test_dropout_falls_on_attention_probabilities():
    block = strong(dropout=0.5)
    block.outer.set_weights([w * 0 for w in block.outer.get_weights()])
    hidden = np.tile(inputs()[0][:1], [2000, 1, 1])
    first = block(hidden, seed=SEED).numpy()[:, 0, 0]
    # The first position sees itself alone: each of two heads keeps it or
    # not. Dropout of the output gives zeros beside.
    assert len(np.unique(first[first != 0].round(3))) == 4


def test_a_user_without_items_has_a_finite_gradient():
    block = strong()
    hidden = tf.Variable(tf.zeros([1, 3, 6]))
    with tf.GradientTape() as tape:
        result = block(hidden, mask=tf.zeros([1, 3], tf.bool))
        loss = tf.reduce_sum(result)
    gradients = tape.gradient(loss, [hidden, *block.trainable_variables])
    for gradient in gradients:
        assert np.isfinite(gradient).all()


def test_adapters_read_the_normalized_input():
    block = strong()
    hidden, mask = inputs()
    seen = []

    def adapter(read, gave):
        seen.append((read, gave))
        return 2 * gave

    result = block(hidden, mask=mask, adapters=[adapter, adapter])
    (read, gave), (read2, gave2) = seen
    np.testing.assert_allclose(read, block.norms[0](hidden), rtol=1e-5)
    np.testing.assert_allclose(
        read2, block.norms[1](hidden + 2 * gave), rtol=1e-4, atol=1e-5
    )
    np.testing.assert_allclose(result, 2 * gave + 2 * gave2, rtol=1e-5)


def test_config_round_trip():
    block = AttentionBlock(
        8, 4, 16, 0.1, causal=False, activation="gelu", name="block"
    )
    copy = AttentionBlock.from_config(block.get_config())
    assert copy.get_config() == block.get_config()
    assert (copy.hidden_size, copy.causal) == (16, False)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"num_heads": 4}, "num_heads=4, channels=6"),
        ({"num_heads": 0}, "num_heads=0, channels=6"),
        ({"hidden_size": 0}, "hidden_size .* received 0"),
        ({"dropout": 1.0}, r"dropout .* received 1\.0"),
    ],
)
def test_options_out_of_range_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        AttentionBlock(6, **options)
