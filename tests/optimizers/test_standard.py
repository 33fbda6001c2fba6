"""The registered optimizers, used as a training uses them."""

import numpy as np
import tensorflow as tf

from tfxdr.registry import optimizers
from tfxdr.training.parameters import OptimizerSettings, ParameterGroups


def test_every_optimizer_goes_down(registries):
    for entry in optimizers.entries():
        old = tf.Variable([1.0, 1.0])
        parameters = ParameterGroups(
            OptimizerSettings(optimizers.parse(entry.name), 0.1),
            pretrained=[],
            new=[old],
            total_steps=10,
        )
        for _ in range(50):
            parameters.apply([2 * old])
        assert np.abs(old.numpy()).max() < 0.7, entry.name
