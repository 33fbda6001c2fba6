"""The perceptron against NumPy, and what moves its numbers."""

import numpy as np
import pytest
import tensorflow as tf

from tfxdr.layers.behavior_perceptron import BehaviorPerceptron, HistorySummary

SOURCE_WIDTH, TARGET_WIDTH = 5, 3


def inputs(batch=4, length=6):
    """Rows with 6, 4, 1 and 0 real positions of source history."""
    rng = np.random.default_rng(1)
    shapes = (
        [batch, SOURCE_WIDTH],
        [batch, length, SOURCE_WIDTH],
        [batch, length, TARGET_WIDTH],
    )
    features = [rng.normal(size=s).astype(np.float32) for s in shapes]
    positions = np.arange(length)
    source_mask = positions >= np.array([[0], [2], [5], [6]])[:batch]
    target_mask = positions >= np.array([[3], [6], [0], [4]])[:batch]
    return [*map(tf.constant, features), source_mask, target_mask]


def strong(**options):
    """A perceptron with weights large enough that no error can hide."""
    options = {"num_heads": 2, "head_size": 3, "hidden": (4,)} | options
    perceptron = BehaviorPerceptron(**options)
    perceptron(*inputs())
    rng = np.random.default_rng(0)
    for variable in perceptron.trainable_variables:
        variable.assign(rng.normal(0.1, 0.5, variable.shape))
    return perceptron


def summary_reference(layer, tokens, mask):
    """Head by head and query by query, of one history."""
    query, key, value, output = (
        part.kernel.numpy().astype(float)
        for part in (
            layer.query,
            layer.key,
            layer.value,
            layer.output_projection,
        )
    )
    keys = np.flatnonzero(mask) if layer.masked else np.arange(len(tokens))
    total = np.zeros(output.shape[1])
    for position in np.flatnonzero(mask):
        mixed = []
        for head in range(layer.num_heads):
            part = np.s_[
                :, head * layer.head_size : (head + 1) * layer.head_size
            ]
            scores = (
                tokens[keys]
                @ key[part]
                @ (tokens[position] @ query[part])
                / np.sqrt(layer.head_size)
            )
            probs = np.exp(scores - scores.max())
            mixed.append(probs / probs.sum() @ (tokens[keys] @ value[part]))
        total += np.concatenate(mixed) @ output
    return total / (max(mask.sum(), 1) if layer.masked else len(tokens))


def reference(perceptron, candidate, source, target, masks):
    """Log-importance of one row."""
    summaries = []
    for layer, features, mask in (
        (perceptron.source_summary, source, masks[0]),
        (perceptron.target_summary, target, masks[1]),
    ):
        repeated = np.tile(candidate, [len(features), 1])
        tokens = np.concatenate([features, repeated], axis=1).astype(float)
        summaries.append(summary_reference(layer, tokens, mask))
    hidden = np.concatenate(summaries)
    *inner, last = perceptron.network
    for layer in inner:
        hidden = np.maximum(hidden @ layer.kernel.numpy() + layer.bias, 0)
    kernel, bias = perceptron.item_transform.get_weights()
    return (hidden @ last.kernel.numpy() + last.bias) * (
        candidate @ kernel + bias
    )


@pytest.mark.parametrize("masked", [True, False])
def test_it_is_what_the_authors_compute(masked):
    perceptron = strong(masked=masked)
    values = inputs()
    result = perceptron(*values)
    candidate, source, target = (v.numpy() for v in values[:3])
    for row in range(4):
        expected = reference(
            perceptron,
            candidate[row],
            source[row],
            target[row],
            (values[3][row], values[4][row]),
        )
        np.testing.assert_allclose(result[row], expected[0], rtol=2e-4)


def test_padding_changes_nothing_unless_it_is_not_masked():
    candidate, source, target, *masks = inputs()
    space = [[0, 0], [3, 0], [0, 0]]
    longer = [
        candidate,
        tf.pad(source, space, constant_values=7.0),
        tf.pad(target, space, constant_values=-5.0),
        *(np.pad(mask, space[:2]) for mask in masks),
    ]
    for masked in (True, False):
        perceptron = strong(masked=masked)
        one = perceptron(candidate, source, target, *masks)
        other = perceptron(*longer)
        assert np.allclose(one, other, rtol=1e-4, atol=1e-5) == masked


def test_an_empty_history_is_summed_up_as_zero():
    layer = HistorySummary(2, 3)
    items = tf.Variable(tf.random.stateless_normal([1, 4, 3], [1, 2]))
    candidate = tf.ones([1, 2])
    with tf.GradientTape() as tape:
        result = layer((items, candidate), tf.zeros([1, 4], tf.bool))
    np.testing.assert_array_equal(result, np.zeros([1, 5]))
    gradient = tf.convert_to_tensor(tape.gradient(result, items))
    np.testing.assert_array_equal(gradient, 0 * items)


def test_a_bound_keeps_weights_near_each_other():
    values = inputs()
    free, bounded = strong()(*values), strong(bound=0.5)(*values)
    assert np.abs(free).max() > 0.5
    np.testing.assert_allclose(bounded, 0.5 * np.tanh(free / 0.5), rtol=1e-5)
    weights = strong(bound=0.5).weights_of(bounded)
    assert weights.numpy().max() < np.e * weights.numpy().min()


def test_a_row_does_not_depend_on_the_others():
    perceptron, values = strong(), inputs()
    together = perceptron(*values)
    for row in range(4):
        alone = perceptron(*(value[row : row + 1] for value in values))
        np.testing.assert_allclose(alone[0], together[row], rtol=1e-4)


def test_every_input_counts():
    perceptron, values = strong(), inputs()
    before = perceptron(*values)
    for place in range(3):
        changed = list(values)
        changed[place] = values[place] + 1.0
        assert np.abs(perceptron(*changed) - before).max() > 1e-3


def test_gradients_flow_through_the_transform_alone():
    perceptron, values = strong(), inputs()
    features = [tf.Variable(value) for value in values[:3]]
    with tf.GradientTape() as tape:
        result = perceptron(*map(tf.convert_to_tensor, features), *values[3:])
        total = tf.reduce_sum(result)
    ours, source, target = tape.gradient(total, features)
    assert source is None and target is None
    # The result is a scalar times the transform, whose kernel is the slope.
    kernel, _ = perceptron.item_transform.get_weights()
    factor = result / perceptron.item_transform(features[0])[:, 0]
    np.testing.assert_allclose(
        ours, factor[:, tf.newaxis] * kernel[:, 0], rtol=1e-4
    )


def test_every_weight_takes_a_gradient():
    perceptron, values = strong(), inputs()
    with tf.GradientTape() as tape:
        weights = perceptron.weights_of(perceptron(*values))
        loss = tf.reduce_sum(weights * tf.constant([1.0, 2.0, -3.0, 4.0]))
    variables = perceptron.trainable_variables
    for variable, gradient in zip(
        variables, tape.gradient(loss, variables), strict=True
    ):
        assert np.abs(gradient).max() > 1e-7, variable.name


def test_weights_by_hand():
    perceptron = strong()
    scores = tf.math.log([1.0, 2.0, 5.0])
    for prior, expected in (
        (1.0, [0.125, 0.25, 0.625]),
        (0.4, [0.05, 0.1, 0.25]),
        (-2.0, [0.0, 0.0, 0.0]),
    ):
        perceptron.prior.assign(prior)
        np.testing.assert_allclose(
            perceptron.weights_of(scores), expected, rtol=1e-6
        )


def test_the_prior_starts_at_the_mean_of_the_losses():
    perceptron = BehaviorPerceptron()
    perceptron(*inputs())
    np.testing.assert_allclose(
        perceptron.weights_of(tf.zeros([8])), np.full(8, 1 / 8)
    )


@pytest.mark.parametrize("jit", [False, True])
def test_graph_and_xla_agree_with_eager(jit):
    perceptron, values = strong(), [*map(tf.constant, inputs())]
    graph = tf.function(perceptron.call, jit_compile=jit)
    np.testing.assert_allclose(
        graph(*values), perceptron(*values), rtol=1e-4, atol=1e-5
    )


@pytest.mark.parametrize("layer", [BehaviorPerceptron, HistorySummary])
def test_config_round_trip(layer):
    options = {"num_heads": 3, "head_size": 7, "masked": False}
    if layer is BehaviorPerceptron:
        options |= {"hidden": (9, 5, 2), "bound": 1.5}
    config = layer(**options).get_config()
    copy = layer.from_config(config)
    assert copy.get_config() == config
    assert options.items() <= config.items()


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"num_heads": 0}, "num_heads .* received 0"),
        ({"head_size": -1}, "head_size .* received -1"),
        ({"hidden": (8, 0)}, "hidden .* received 0"),
        ({"bound": -1.0}, "bound .* received -1"),
    ],
)
def test_options_out_of_range_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        BehaviorPerceptron(**options)
