from __future__ import annotations

import sys

import numpy as np
import pytest
import tensorflow as tf

from tfxdr.errors import InputError
from tfxdr.registry import policies
from tfxdr.testing import check_policy


@pytest.fixture(autouse=True)
def loaded(load):
    load("sparsemax_policy")


@pytest.fixture
def addons():
    pytest.importorskip(
        "tensorflow_addons", reason="only the addons stack has it"
    )


@pytest.mark.usefixtures("addons")
@pytest.mark.parametrize("temperature", [1.0, 4.0])
def test_is_a_clipped_line_in_the_difference(temperature):
    logits = np.random.default_rng(1).normal(size=[6, 4, 2]) * 3
    policy = policies.build(f"sparsemax(temperature={temperature})")
    found = policy.call(tf.constant(logits, tf.float32), None, False)
    wish = (logits[..., 0] - logits[..., 1]) / temperature
    expected = np.clip((wish + 1) / 2, 0, 1)
    np.testing.assert_allclose(found, expected, atol=1e-6)
    assert {0.0, 1.0} <= set(found.numpy().ravel().round(6))


@pytest.mark.usefixtures("addons")
def test_promises():
    check_policy("sparsemax(temperature=4.0)")


def test_refuses_a_temperature_of_0():
    with pytest.raises(InputError, match="temperature should be above 0"):
        policies.build("sparsemax(temperature=0)")


def test_says_what_it_needs(monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorflow_addons", None)
    with pytest.raises(InputError, match="--policy=sparsemax needs.*addons"):
        policies.build("sparsemax")
