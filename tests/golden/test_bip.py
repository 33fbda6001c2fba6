"""BIP's hypergradient against its authors' numbers."""

import numpy as np
import pytest
import tensorflow as tf
from authors import (
    load_batch,
    load_model,
    load_perceptron,
    matched,
    perceptron_options,
)

from tfxdr.meta_learners.bip import BIP

TOLERANCE = 1e-6  # relative, float64


def load_meta(golden, model):
    meta = BIP(
        terms=int(golden["cfg/neumann_terms"]),
        alpha=float(golden["cfg/neumann_scale"]),
        scale_by_alpha=False,
        **perceptron_options(golden),
    )
    meta.build(model.backbone)
    load_perceptron(golden, meta.perceptron)
    return meta


def test_weights_are_the_authors(golden):
    model = load_model(golden)
    meta = load_meta(golden, model)
    np.testing.assert_allclose(
        meta.weights(model, load_batch(golden, "train")),
        golden["out/behavior_weights"],
        rtol=TOLERANCE,
    )


@pytest.mark.parametrize("compiled", [False, True])
def test_hypergradient_is_the_authors(golden, compiled):
    model = load_model(golden)
    meta = load_meta(golden, model)
    compute = (
        tf.function(meta.hypergradient) if compiled else meta.hypergradient
    )
    found = compute(
        model, load_batch(golden, "train"), load_batch(golden, "val")
    )
    expected = {
        variable.ref(): array
        for variable, array in matched(golden, meta.perceptron, "hypergrad")
    }
    assert len(expected) == len(meta.meta_variables)
    for variable, gradient in zip(meta.meta_variables, found, strict=True):
        array = expected[variable.ref()]
        error = np.linalg.norm(gradient - array) / np.linalg.norm(array)
        assert error < TOLERANCE, variable.name
