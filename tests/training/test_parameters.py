"""Parameter groups: rates, clipping, decay."""

import numpy as np
import pytest
import tensorflow as tf

from tfxdr.registry import optimizers
from tfxdr.training.parameters import OptimizerSettings, ParameterGroups


def groups(**settings):
    old, new = tf.Variable([1.0, 1.0]), tf.Variable([1.0])
    optimizer = optimizers.parse(settings.pop("optimizer", "sgd"))
    return (
        old,
        new,
        ParameterGroups(
            OptimizerSettings(optimizer, **settings),
            pretrained=[old],
            new=[new],
            total_steps=10,
        ),
    )


def test_pretrained_parameters_have_their_own_rate():
    old, new, parameters = groups(
        learning_rate=0.5, pretrained_learning_rate=0.1
    )
    parameters.apply([tf.constant([1.0, 2.0]), tf.constant([1.0])])
    np.testing.assert_allclose(old, [0.9, 0.8])
    np.testing.assert_allclose(new, [0.5])
    assert parameters.learning_rate() == pytest.approx(0.5)


def test_one_rate_for_all_by_default():
    old, new, parameters = groups(learning_rate=0.5)
    parameters.apply([tf.constant([1.0, 2.0]), tf.constant([1.0])])
    np.testing.assert_allclose(old, [0.5, 0.0])
    np.testing.assert_allclose(new, [0.5])


def test_the_norm_of_all_gradients_is_clipped_together():
    old, new, parameters = groups(
        learning_rate=1.0, pretrained_learning_rate=1.0, clip_norm=1.5
    )
    parameters.apply([tf.constant([2.0, 2.0]), tf.constant([1.0])])
    np.testing.assert_allclose(old, [0.0, 0.0], atol=1e-6)
    np.testing.assert_allclose(new, [0.5])


def test_rows_that_repeat_count_once_in_the_norm():
    table = tf.Variable(tf.zeros([3, 1]))
    parameters = ParameterGroups(
        OptimizerSettings(
            optimizers.parse("sgd"), learning_rate=1.0, clip_norm=5.0
        ),
        pretrained=[],
        new=[table],
        total_steps=1,
    )
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(tf.gather(table, [1] * 30 + [2] * 40))
    norm = parameters.apply(tape.gradient(loss, [table]))
    assert float(norm) == pytest.approx(50.0)
    np.testing.assert_allclose(table, [[0], [-3], [-4]], rtol=1e-5)


def test_weight_decay_is_decoupled():
    old, _, parameters = groups(learning_rate=0.5, weight_decay=0.1)
    parameters.apply([tf.constant([0.0, 0.0]), tf.constant([0.0])])
    np.testing.assert_allclose(old, [0.95, 0.95])


def test_the_policy_network_has_its_own_rate():
    old, policy, new = (tf.Variable([1.0]) for _ in range(3))
    parameters = ParameterGroups(
        OptimizerSettings(
            optimizers.parse("sgd"), learning_rate=0.1, policy_learning_rate=0.5
        ),
        pretrained=[old],
        policy=[policy],
        new=[new],
        total_steps=10,
    )
    values = {id(old): 0.9, id(policy): 0.5, id(new): 0.9}
    parameters.apply([tf.constant([1.0])] * 3)
    for variable in parameters.variables_to_train:
        np.testing.assert_allclose(variable, [values[id(variable)]])
    assert parameters.learning_rate() == pytest.approx(0.1)


def test_a_variable_without_a_gradient_stays():
    old, new, parameters = groups(learning_rate=0.5, optimizer="adam")
    parameters.apply([None, tf.constant([1.0])])
    np.testing.assert_array_equal(old, [1.0, 1.0])
    assert new.numpy() < 1.0
