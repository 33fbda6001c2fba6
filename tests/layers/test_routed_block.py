"""Eq. 6 against the authors' numbers, and its own promises."""

import numpy as np
import pytest
import tensorflow as tf

from tfxdr.layers.attention import AttentionBlock
from tfxdr.layers.causal_convolution import CausalConvolutionBlock
from tfxdr.layers.routed_block import RoutedBlock, twin
from tfxdr.ops.own_gradients import none_of_our_own

TOLERANCE = 2e-5  # absolute, float32


@pytest.fixture(scope="module")
def golden(golden_root):
    return np.load(golden_root / "uaf_official.npz")


def load_block(golden, prefix, dilation):
    names = ("dilated_conv1", "layer_norm1", "dilated_conv2", "layer_norm2")
    kernel = golden[f"{prefix}/dilated_conv1/weight"]
    block = CausalConvolutionBlock(kernel.shape[-1], kernel.shape[1], dilation)
    block.build([None, None, kernel.shape[-1]])
    layers = (
        block.convolutions[0],
        block.norms[0],
        block.convolutions[1],
        block.norms[1],
    )
    for layer, name in zip(layers, names, strict=True):
        if "conv" in name:
            weight = golden[f"{prefix}/{name}/weight"][0]
            layer.set_weights([weight, golden[f"{prefix}/{name}/bias"]])
        else:
            layer.set_weights(
                [
                    golden[f"{prefix}/{name}/{part}"]
                    for part in ("gamma", "beta")
                ]
            )
    return block


def routed_blocks(golden):
    return [
        RoutedBlock(
            load_block(golden, f"w/residual_{index}_{dilation}", dilation),
            load_block(
                golden, f"w/finetune_residual_{index}_{dilation}", dilation
            ),
        )
        for index, dilation in enumerate(golden["dilations"].tolist())
    ]


@pytest.mark.parametrize("kind", ["hard", "soft"])
@pytest.mark.parametrize("mode", ["eager", "function", "xla"])
def test_hidden_vectors_are_the_authors(golden, kind, mode):
    blocks = routed_blocks(golden)
    embedding = tf.constant(golden["w/item_embedding"])

    def compute(item_ids, actions):
        hidden = tf.gather(embedding, item_ids)
        for index, block in enumerate(blocks):
            hidden += block(hidden, actions[:, index])
        return hidden

    if mode != "eager":
        compute = tf.function(compute, jit_compile=mode == "xla")
    hidden = compute(
        tf.constant(golden["item_ids"]), tf.constant(golden[f"{kind}_actions"])
    )
    np.testing.assert_allclose(
        hidden, golden[f"hidden_{kind}"], atol=TOLERANCE, rtol=0
    )


def make():
    tf.keras.utils.set_random_seed(0)
    frozen, tuned = (CausalConvolutionBlock(6) for _ in range(2))
    for block in (frozen, tuned):
        block.build([None, None, 6])
        block.set_weights(
            [np.random.normal(size=w.shape) for w in block.weights]
        )
    return RoutedBlock(frozen, tuned), frozen, tuned


HIDDEN = tf.random.stateless_normal([3, 5, 6], [1, 2])
MASK = tf.constant([[False, True, True, True, True]] * 3)


@pytest.mark.parametrize("dtype", [tf.float32, tf.int32])
def test_zero_and_one_are_the_towers_to_the_bit(dtype):
    routed, frozen, tuned = make()
    for action, block in ((0, frozen), (1, tuned)):
        np.testing.assert_array_equal(
            routed(HIDDEN, tf.fill([3], tf.cast(action, dtype)), mask=MASK),
            block(HIDDEN, mask=MASK),
        )


def test_each_user_takes_their_own_way():
    routed, frozen, tuned = make()
    mixed = routed(HIDDEN, tf.constant([0.0, 1.0, 0.25]), mask=MASK)
    f, t = frozen(HIDDEN, mask=MASK), tuned(HIDDEN, mask=MASK)
    expected = [f[0], t[1], 0.25 * t[2] + 0.75 * f[2]]
    np.testing.assert_allclose(mixed, expected, atol=1e-6)


def test_only_the_tuned_block_is_trained_and_actions_get_a_gradient():
    routed, _, tuned = make()
    action = tf.Variable([0.5, 0.5, 0.5])
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(routed(HIDDEN, action, mask=MASK) ** 2)
    assert {v.ref() for v in routed.trainable_variables} == {
        v.ref() for v in tuned.variables
    }
    gradients = tape.gradient(loss, [*routed.trainable_variables, action])
    assert all(np.abs(gradient).max() > 0 for gradient in gradients)


def test_a_twin_has_the_same_weights_and_variables_of_its_own():
    _, frozen, _ = make()
    copy = twin(frozen, 6)
    np.testing.assert_array_equal(copy(HIDDEN), frozen(HIDDEN))
    copy.set_weights([w + 1 for w in copy.get_weights()])
    assert np.abs(copy(HIDDEN) - frozen(HIDDEN)).max() > 0.1


def hard_and_mixed():
    routed, frozen, tuned = make()
    return RoutedBlock(frozen, tuned, hard=True), routed


@pytest.mark.parametrize("actions", [[0, 1, 1], [0, 0, 0], [1, 1, 1]])
@pytest.mark.parametrize("mode", ["eager", "function", "xla"])
def test_a_hard_block_gives_what_the_mix_gives(actions, mode):
    hard, mixed = hard_and_mixed()
    inputs = HIDDEN, tf.constant(actions, tf.float32), MASK
    call = hard
    if mode != "eager":
        call = tf.function(hard, jit_compile=mode == "xla")
    np.testing.assert_allclose(call(*inputs), mixed(*inputs), atol=1e-5)


def test_a_hard_block_runs_each_row_once(monkeypatch):
    hard, _ = hard_and_mixed()
    seen = {}
    for name in ("frozen", "tuned"):
        block = getattr(hard, name)

        def call(hidden, mask=None, seed=None, *, name=name):
            seen[name] = hidden.numpy()
            return hidden

        monkeypatch.setattr(block, "call", call)
    tf.config.run_functions_eagerly(True)
    try:
        hard(HIDDEN, tf.constant([1.0, 0.0, 1.0]), mask=MASK)
    finally:
        tf.config.run_functions_eagerly(False)
    np.testing.assert_array_equal(seen["frozen"], HIDDEN[1:2])
    np.testing.assert_array_equal(seen["tuned"], tf.gather(HIDDEN, [0, 2]))


def test_a_hard_block_still_mixes_in_training():
    hard, mixed = hard_and_mixed()
    action, seed = tf.constant([0.25, 0.5, 1.0]), tf.constant([1, 2])
    np.testing.assert_array_equal(
        hard(HIDDEN, action, mask=MASK, seed=seed),
        mixed(HIDDEN, action, mask=MASK, seed=seed),
    )


@pytest.mark.parametrize("actions", [[0, 1, 1], [0, 0, 0], [1, 1, 1]])
@pytest.mark.parametrize("mode", ["eager", "function", "xla"])
def test_hard_training_gives_values_and_gradients_of_the_mix(actions, mode):
    _, frozen, tuned = make()
    weights = tf.random.stateless_normal(HIDDEN.shape, [3, 4])
    found = []
    for hard in (True, False):
        block = RoutedBlock(frozen, tuned, hard_in_training=hard)

        def compute(hidden, action, block=block):
            with tf.GradientTape() as tape:
                tape.watch(hidden)
                output = block(hidden, action, mask=MASK, seed=tf.zeros([2]))
                loss = tf.reduce_sum(weights * output)
            read = [hidden, *tuned.trainable_variables]
            return [output, *tape.gradient(loss, read)]

        if mode != "eager":
            compute = tf.function(compute, jit_compile=mode == "xla")
        found.append(compute(HIDDEN, tf.constant(actions, tf.float32)))
    for one, other in zip(*found, strict=True):
        np.testing.assert_allclose(one, other, atol=2e-5)


def test_what_draws_is_mixed_in_hard_training_too():
    frozen, tuned = (AttentionBlock(6, dropout=0.5) for _ in range(2))
    seed = tf.constant([1, 2])
    hard, mixed = (
        RoutedBlock(frozen, tuned, hard_in_training=hard)(
            HIDDEN, tf.constant([0.0, 1.0, 1.0]), mask=MASK, seed=seed
        )
        for hard in (True, False)
    )
    np.testing.assert_array_equal(hard, mixed)


@pytest.mark.parametrize("mode", ["eager", "function"])
def test_a_hard_action_that_is_off_by_rounding_is_not_another_one(mode):
    """`p + (1 - p)` in float32, as straight-through estimators give it."""
    hard, _ = hard_and_mixed()
    below_one = np.nextafter(np.float32(1), np.float32(0))
    call = hard if mode == "eager" else tf.function(hard)
    for near, exact in (
        ([below_one, 0.9999999, 1.0], [1.0, 1.0, 1.0]),
        ([below_one, 1e-7, 1.0 + 1e-7], [1.0, 0.0, 1.0]),
    ):
        np.testing.assert_array_equal(
            call(HIDDEN, tf.constant(near, tf.float32), MASK),
            call(HIDDEN, tf.constant(exact), MASK),
        )


def test_many_models_do_not_look_like_one_that_is_traced_again(caplog):
    for length in range(2, 10):
        blocks = [CausalConvolutionBlock(4, 3, 1) for _ in range(2)]
        block = RoutedBlock(*blocks, hard=True)
        block(tf.zeros([2, length, 4]), tf.constant([0.0, 1.0]))
    assert not [r for r in caplog.records if "retracing" in r.getMessage()]


def gradients_of_our_own(call):
    """How many ops of a graph and its functions have one."""
    graph = call.get_concrete_function(HIDDEN, tf.ones([3])).graph
    graph = graph.as_graph_def()
    nodes = [
        *graph.node,
        *(n for f in graph.library.function for n in f.node_def),
    ]
    return sum("_gradient_op_type" in node.attr for node in nodes)


def test_what_was_traced_with_gradients_is_not_for_graphs_without():
    hard, _ = hard_and_mixed()
    assert gradients_of_our_own(tf.function(hard.call)) > 0
    with none_of_our_own():
        without = tf.function(hard.call)
        assert gradients_of_our_own(without) == 0
    action = tf.constant([0.0, 1.0, 0.0])
    np.testing.assert_allclose(
        without(HIDDEN, action), hard(HIDDEN, action), atol=1e-6
    )
