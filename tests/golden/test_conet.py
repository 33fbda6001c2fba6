"""CoNet and the behavior perceptron against BIP's authors' numbers."""

import numpy as np
import pytest
import tensorflow as tf
from authors import (
    load_batch,
    load_model,
    load_perceptron,
    perceptron_options,
)

from tfxdr.layers.behavior_perceptron import BehaviorPerceptron

TOLERANCE = 1e-9  # relative, float64


def close(one, other):
    np.testing.assert_allclose(one, other, rtol=TOLERANCE, atol=0)


def perceptron_inputs(model, golden, part):
    backbone, batch = model.backbone, load_batch(golden, part)
    positions = np.arange(batch.source_history.item.shape[1])
    masks = [
        positions < golden[f"{part}/{domain}_history_length"][:, np.newaxis]
        for domain in ("source", "target")
    ]
    return (
        backbone.source_features(batch.source),
        backbone.source_features(batch.source_history),
        backbone.target_features(batch.target_history),
        *map(tf.constant, masks),
    )


@pytest.mark.parametrize("jit", [None, False, True])
def test_probabilities_are_the_authors(golden, jit):
    call = load_model(golden).call
    if jit is not None:
        call = tf.function(call, jit_compile=jit)
    source, target = call(load_batch(golden, "train"))
    close(source, golden["out/source_probability"])
    close(target, golden["out/target_probability"])


def test_the_replacement_head_is_the_authors(golden):
    model, batch = load_model(golden), load_batch(golden, "val")
    vector = model.target_vector(batch)
    logit = model.replacement_head(vector)[:, 0]
    close(tf.sigmoid(logit), golden["out/meta_target_probability"])
    close(
        model.replacement_loss(vector, batch),
        golden["out/upper_loss"],
    )


@pytest.mark.parametrize("jit", [None, False, True])
def test_behavior_weights_are_the_authors(golden, jit):
    inputs = perceptron_inputs(load_model(golden), golden, "train")
    perceptron = BehaviorPerceptron(**perceptron_options(golden))
    perceptron(*inputs)  # makes the variables
    load_perceptron(golden, perceptron)
    call = perceptron.call
    if jit is not None:
        call = tf.function(call, jit_compile=jit)
    close(perceptron.weights_of(call(*inputs)), golden["out/behavior_weights"])


def test_lower_loss_is_the_authors(golden):
    loss = load_model(golden).lower_loss(
        load_batch(golden, "train"), golden["out/behavior_weights"]
    )
    close(loss, golden["out/lower_loss"])
