"""Lazy Adam of a table in shards moves rows as that of a whole one."""

import numpy as np
import pytest
import tensorflow as tf

from tfxdr.ops import tables
from tfxdr.registry import optimizers
from tfxdr.training.checkpoint import TrainingState
from tfxdr.training.parameter_server import knows_shards
from tfxdr.training.parameters import OptimizerSettings, ParameterGroups

ROWS, WIDTH, STEPS = 11, 3, 6


def start(count):
    array = np.random.default_rng(0).normal(size=[ROWS, WIDTH])
    array = array.astype(np.float32)
    if count == 1:
        return tf.Variable(array)
    parts = enumerate(np.array_split(array, count))
    return tables.Sharded(
        [tf.Variable(part, name=f"table/part_{n}") for n, part in parts]
    )


class Training:
    """As a loop keeps it: the parameters, their optimizer, and the best."""

    def __init__(self, count):
        self.table = start(count)
        self.parameters = ParameterGroups(
            OptimizerSettings(
                optimizers.parse("lazyadam"), 0.1, schedule="cosine"
            ),
            pretrained=[],
            new=[*tables.shards(self.table), tf.Variable(1.0)],
            total_steps=9,
        )
        self.state = TrainingState(self.parameters.variables_to_train)
        self.checkpoint = tf.train.Checkpoint(
            table=self.table, parameters=self.parameters, state=self.state
        )

    def steps(self, first, end):
        for step in range(first, end):
            draws = np.random.default_rng([7, step])
            items = tf.constant(draws.integers(0, ROWS, 4))
            slopes = tf.constant(draws.normal(size=[4, WIDTH]), tf.float32)
            shards = tables.shards(self.table)
            with tf.GradientTape() as tape:
                read = tables.rows(self.table, items)
                loss = tf.reduce_sum(read * slopes)
            found = tape.gradient(loss, shards)
            assert all(isinstance(x, tf.IndexedSlices) for x in found)
            self.parameters.apply([*found, tf.zeros([])])

    @property
    def values(self):
        return tf.convert_to_tensor(self.table).numpy()


@pytest.fixture(scope="module")
def whole():
    training = Training(1)
    training.steps(0, STEPS)
    return training.values


@pytest.mark.parametrize("count", [2, 3, 4])
def test_shards_move_as_the_whole(whole, count):
    training = Training(count)
    training.steps(0, STEPS)
    np.testing.assert_allclose(training.values, whole, rtol=1e-6, atol=1e-7)


@pytest.mark.skipif(
    not knows_shards(), reason="the optimizers of this Keras do not"
)
@pytest.mark.parametrize(("before", "after"), [(2, 3), (3, 1), (1, 2), (4, 4)])
def test_moments_read_back_in_other_shards(whole, before, after, tmp_path):
    first, second = Training(before), Training(after)
    first.steps(0, STEPS // 2)
    first.checkpoint.write(str(tmp_path / "saved"))
    read = second.checkpoint.read(str(tmp_path / "saved"))
    read.assert_existing_objects_matched()
    second.steps(STEPS // 2, STEPS)
    np.testing.assert_allclose(second.values, whole, rtol=1e-6, atol=1e-7)
