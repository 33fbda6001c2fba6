"""Learning rates."""

import numpy as np
import pytest
import tensorflow as tf

from tfxdr.optimizers.schedule import WarmupDecay


@pytest.mark.parametrize(
    ("shape", "expected"),
    [
        ("constant", [0.05, 0.1, 0.1, 0.1, 0.1]),
        ("linear", [0.05, 0.1, 0.1, 0.05, 0.0]),
        ("cosine", [0.05, 0.1, 0.1, 0.05, 0.0]),
    ],
)
def test_schedule_by_hand(shape, expected):
    schedule = WarmupDecay(0.1, total_steps=6, warmup_steps=2, shape=shape)
    rates = [float(schedule(tf.constant(s))) for s in (0, 1, 2, 4, 6)]
    np.testing.assert_allclose(rates, expected, atol=1e-8)
