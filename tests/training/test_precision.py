"""Products in fewer bits, and nothing else."""

import numpy as np
import pytest
import tensorflow as tf

from tfxdr.errors import InputError
from tfxdr.ops.normalization import normalized_relu
from tfxdr.testing import models
from tfxdr.training import precision

VALUES = tf.random.stateless_normal([64, 32], [1, 2])
KERNEL = tf.random.stateless_normal([32, 32], [3, 4])


@pytest.fixture(autouse=True)
def chosen():
    try:
        with precision.chosen("bfloat16"):
            yield
    except InputError as error:
        pytest.skip(str(error))


def outputs(x):
    """A product, what follows it, and one more product of that."""
    product = tf.matmul(x, KERNEL)
    norm = normalized_relu(product, tf.ones([32]), tf.zeros([32]), 1e-8)
    return product, norm, tf.nn.softmax(product), tf.matmul(norm, KERNEL)


def test_products_are_rounded_and_what_follows_is_not():
    plain = tf.function(outputs)(VALUES)
    with precision.of_steps():
        product, norm, softmax, other = tf.function(outputs)(VALUES)
    error = np.abs(product - plain[0])
    assert 0 < error.max() < 2**-6 * np.abs(plain[0]).max()
    # Of the rounded product: computed in float32, and rounded once where
    # another product reads it.
    exact = normalized_relu(product, tf.ones([32]), tf.zeros([32]), 1e-8)
    np.testing.assert_allclose(norm, exact, rtol=1.01 * 2**-8, atol=1e-6)
    np.testing.assert_allclose(softmax, tf.nn.softmax(product), atol=1e-6)
    np.testing.assert_allclose(other, plain[3], atol=0.1)


def test_graphs_outside_of_steps_are_as_before():
    call = tf.function(outputs)
    before = call(VALUES)
    with precision.of_steps():
        call(VALUES)
    for one, other in zip(call(VALUES), before, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize(
    "policy", ["gumbel", pytest.param("rl-scst", marks=pytest.mark.large)]
)
def test_gradients_of_a_model_are_those_of_float32_but_for_rounding(policy):
    model = models.transfer_model(policy=policy)
    batch = models.batch()

    def gradients():
        with tf.GradientTape() as tape:
            loss, _ = model.batch_loss(batch)
        found = tape.gradient(loss, model.trainable_variables)
        return [loss, *(tf.convert_to_tensor(g) for g in found)]

    plain = tf.function(gradients)()
    with precision.of_steps():
        rounded = tf.function(gradients)()
    assert any(np.any(a != b) for a, b in zip(plain, rounded, strict=True))
    for one, other in zip(plain, rounded, strict=True):
        assert np.linalg.norm(one - other) <= 0.1 * np.linalg.norm(one) + 1e-6


def test_where_there_are_no_such_products_that_is_said(monkeypatch):
    monkeypatch.setattr(precision, "_is_rewritten", lambda: False)
    with (
        pytest.raises(InputError, match="--mixed_precision=bfloat16: expected"),
        precision.chosen("bfloat16"),
    ):
        pass
