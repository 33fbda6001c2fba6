"""The driver of timings: what it times is the same work twice."""

import argparse

import numpy as np
import pytest

from benchmarks import __main__ as driver
from benchmarks import naive, stages
from tfxdr.backbones import create

_HISTORY = np.random.default_rng(0).integers(2, 30, [3, 7])


def _shapes(**others):
    sizes = {"batch": 3, "length": 4, "channels": 4, "layers": 2, "items": 9}
    return argparse.Namespace(
        **(sizes | {"users": 5, "device": "auto"} | others)
    )


def test_the_naive_tower_is_the_same_function():
    backbone = create("nextitnet(channels=4,dilations=[1,2,4,8])", num_items=30)
    tower = naive.Tower(30, 4, (1, 2, 4, 8), tuned=2)
    tower(_HISTORY)
    expected = backbone(_HISTORY)
    tower.embedding.set_weights(backbone.embedding.get_weights())
    for own, other in zip(tower.blocks, backbone.blocks, strict=True):
        weights = [
            layer.get_weights()
            for pair in zip(other.convolutions, other.norms, strict=True)
            for layer in pair
        ]
        own.mapping.set_weights([w for part in weights for w in part])
    np.testing.assert_allclose(tower(_HISTORY), expected, atol=1e-5)


def test_only_the_upper_blocks_of_a_tower_are_trained():
    tower = naive.Tower(30, 4, (1, 2, 4, 8), tuned=1)
    tower(_HISTORY)
    upper = tower.blocks[1].trainable_variables
    assert len(upper) == len(tower.trainable_variables) == 8


@pytest.mark.parametrize("name", ["pre-train", "full-ranking"])
def test_a_stage_alternates_with_its_counterpart(name):
    options = _shapes(cell=name, sides="ours,other", rounds=2)
    measured = driver._cell(options)
    for side in ("ours", "other"):
        for key in ("seconds", "gemm"):
            values = measured[f"{key}_{side}"]
            assert len(values) == 2 and min(values) > 0
    assert measured["peak_bytes"][0] > 1 << 20


def test_flops_are_those_of_the_plain_computation():
    """A convolution: 3 taps; 4 wide; 12 positions; forward and twice back."""
    stage = stages.pretraining(stages.Shapes(_shapes()))
    layers = 2 * (2 * 3 * 4 * 4 * 12)
    logits = 2 * 4 * 9 * 12
    assert stage.flops == 3 * (layers + logits)


def test_every_other_script_is_a_preset():
    presets = driver._presets()
    assert {"lazy_adam", "serving_latency"} <= set(presets)
    assert not {"naive", "stages"} & set(presets)
    assert all(presets.values())
