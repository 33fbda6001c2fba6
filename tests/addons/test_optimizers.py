"""What the optimizers of the pack do to variables, against others by hand."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from tensorflow import keras

from tfxdr.registry import optimizers
from tfxdr.training.parameters import OptimizerSettings, ParameterGroups

addons = pytest.importorskip(
    "tensorflow_addons", reason="only the addons stack has it"
)


class Line:
    """Variables of all three groups, all of one name, and their steps."""

    def __init__(self, optimizer: str, **settings) -> None:
        self.old, self.policy, self.new = (
            tf.Variable([1.0, -2.0], name="kernel") for _ in range(3)
        )
        self.parameters = ParameterGroups(
            OptimizerSettings(
                optimizers.parse(optimizer),
                **{"learning_rate": 0.1, "weight_decay": 0.0, **settings},
            ),
            pretrained=[self.old],
            policy=[self.policy],
            new=[self.new],
            total_steps=20,
        )
        self._step = tf.function(self._compute)

    def _compute(self, gradient: tf.Tensor) -> None:
        gradients = [1.0 * gradient, 2.0 * gradient, 3.0 * gradient]
        self.parameters.apply(gradients)

    def run(self, steps: int) -> list[list[np.ndarray]]:
        """The variables after each step."""
        random = np.random.default_rng(1)
        path = []
        for _ in range(steps):
            self._step(tf.constant(random.normal(size=2), tf.float32))
            path.append([v.numpy() for v in (self.old, self.policy, self.new)])
        return path


def by_hand(optimizer: keras.optimizers.Optimizer, group: int, steps: int):
    """The variable of a group after each step of an optimizer of its own."""
    variable = tf.Variable([1.0, -2.0])
    random = np.random.default_rng(1)
    path = []
    for _ in range(steps):
        gradient = tf.constant(random.normal(size=2), tf.float32)
        optimizer.apply_gradients([((group + 1.0) * gradient, variable)])
        path.append(variable.numpy())
    return path


def test_multi_gives_each_group_its_rate():
    line = Line("multi(pretrained=0.001,new=0.1,policy=0.01)")
    found = line.run(6)
    for group, rate in enumerate([0.001, 0.01, 0.1]):
        adam = keras.optimizers.legacy.Adam(rate)
        expected = by_hand(adam, group, 6)
        np.testing.assert_allclose(
            [variables[group] for variables in found], expected, rtol=1e-5
        )
    assert line.parameters.learning_rate() == pytest.approx(0.1)


def test_multi_fills_rates_in():
    line = Line("multi(pretrained=0.001)", learning_rate=0.05)
    found = line.run(3)
    for group, rate in enumerate([0.001, 0.05, 0.05]):
        expected = by_hand(keras.optimizers.legacy.Adam(rate), group, 3)
        np.testing.assert_allclose(
            [variables[group] for variables in found], expected, rtol=1e-5
        )


def test_multi_follows_the_schedule_in_every_group():
    options = {"schedule": "linear", "warmup_steps": 4}
    line = Line("multi(pretrained=0.01,inner=sgd)", **options)
    rates = []
    for _ in range(8):
        line.run(1)
        rates.append(line.parameters.learning_rate())
    assert rates[0] < rates[2] > rates[-1]
    moved = np.abs(line.old.numpy() - [1, -2]).max()
    assert 0 < moved < 0.2 * np.abs(line.new.numpy() - [1, -2]).max()


@pytest.mark.parametrize(
    ("text", "theirs"),
    [
        ("lamb", lambda: addons.optimizers.LAMB(0.1, weight_decay=0.01)),
        (
            "radam",
            lambda: addons.optimizers.RectifiedAdam(0.1, weight_decay=0.01),
        ),
    ],
)
def test_options_reach_addons(text, theirs):
    found = Line(text, weight_decay=0.01).run(8)
    expected = by_hand(theirs(), 0, 8)
    np.testing.assert_allclose([v[0] for v in found], expected, rtol=1e-5)


def test_lookahead_comes_half_way_back():
    found = Line("lookahead(sync_period=3,inner=sgd)").run(3)
    sgd = keras.optimizers.legacy.SGD(0.1, 0.9)
    fast = by_hand(sgd, 0, 3)
    np.testing.assert_allclose([v[0] for v in found[:2]], fast[:2], rtol=1e-5)
    start = np.array([1.0, -2.0])
    expected = start + 0.5 * (fast[2] - start)
    np.testing.assert_allclose(found[2][0], expected, rtol=1e-5)


class TestAverages:
    def test_swa_is_the_mean_of_snapshots(self):
        line = Line("swa(start=2,period=2)")
        path = line.run(7)  # snapshots after the steps 3, 5 and 7
        expected = np.mean([path[2], path[4], path[6]], axis=0)
        self._expect(line, expected)

    def test_swa_before_the_first_snapshot_is_the_variables(self):
        line = Line("swa(start=4)")
        self._expect(line, line.run(4)[-1])

    def test_swa_at_the_first_snapshot(self):
        line = Line("swa(start=4)")
        self._expect(line, line.run(5)[-1])

    def test_moving_average(self):
        line = Line("moving-average(decay=0.8)")
        average = np.array(3 * [[1.0, -2.0]])
        for variables in line.run(5):
            average = 0.8 * average + 0.2 * np.array(variables)
        self._expect(line, average)

    def test_moving_average_from_a_step_on(self):
        line = Line("moving-average(decay=0.8,start=3)")
        path = line.run(5)
        average = np.array(path[2])
        for variables in path[3:]:
            average = 0.8 * average + 0.2 * np.array(variables)
        self._expect(line, average)

    def _expect(self, line, expected):
        trained = [line.old.numpy(), line.policy.numpy(), line.new.numpy()]
        with line.parameters.averaged():
            inside = [line.old.numpy(), line.policy.numpy(), line.new.numpy()]
        np.testing.assert_allclose(inside, expected, rtol=1e-5)
        np.testing.assert_array_equal(
            [line.old.numpy(), line.policy.numpy(), line.new.numpy()], trained
        )
