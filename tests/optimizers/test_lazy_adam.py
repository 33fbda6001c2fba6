"""Lazy Adam: rows by hand, against Adam, addons' own, and after a restart."""

from __future__ import annotations

import math
import pathlib
import subprocess
import sys
import textwrap

import numpy as np
import pytest
import tensorflow as tf
from tensorflow import keras

from tfxdr.errors import InputError
from tfxdr.optimizers.lazy_adam import LazyAdam
from tfxdr.optimizers.schedule import WarmupDecay
from tfxdr.registry import optimizers
from tfxdr.training.parameters import OptimizerSettings, ParameterGroups

ROWS, WIDTH = 12, 3


def _table(seed=0):
    values = np.random.default_rng(seed).normal(size=(ROWS, WIDTH))
    return tf.Variable(values.astype(np.float32))


def _gradients(num_steps, rows=ROWS, seed=1):
    """Slices with rows that repeat, some in every step, some in none."""
    draws = np.random.default_rng(seed)
    for _ in range(num_steps):
        indices = draws.integers(0, rows, 7)
        values = draws.normal(size=(7, WIDTH)).astype(np.float32)
        yield tf.IndexedSlices(
            tf.constant(values),
            tf.constant(indices),
            tf.constant([ROWS, WIDTH], tf.int64),
        )


def _train(optimizer, table, gradients):
    for gradient in gradients:
        optimizer.apply_gradients([(gradient, table)])
    return table.numpy()


def _reference(table, gradients, rate, beta_1=0.9, beta_2=0.999, epsilon=1e-7):
    """Row by row in float64; `rate` maps a step from 0 to a number."""
    table = table.astype(np.float64)
    mean, square = np.zeros_like(table), np.zeros_like(table)
    for step, gradient in enumerate(gradients):
        dense = np.zeros_like(table)
        np.add.at(dense, gradient.indices.numpy(), gradient.values.numpy())
        for row in set(gradient.indices.numpy().tolist()):
            slope = dense[row]
            mean[row] = beta_1 * mean[row] + (1 - beta_1) * slope
            square[row] = beta_2 * square[row] + (1 - beta_2) * slope**2
            size = rate(step) * math.sqrt(1 - beta_2 ** (step + 1))
            size /= 1 - beta_1 ** (step + 1)
            table[row] -= size * mean[row] / (np.sqrt(square[row]) + epsilon)
    return table


def _one(value, row):
    return tf.IndexedSlices(tf.constant([[value]]), tf.constant([row]))


def test_by_hand():
    table = tf.Variable([[1.0], [1.0]])
    optimizer = LazyAdam(0.1, beta_1=0.5, beta_2=0.75, epsilon=1e-7)
    optimizer.apply_gradients([(_one(2.0, 0), table)])
    # m 1, v 1, corrected by 1/2 and 1/4: a step of 0.1 · sqrt(1/4) / (1/2) · 1.
    np.testing.assert_allclose(table, [[0.9], [1.0]], rtol=1e-5)
    optimizer.apply_gradients([(_one(4.0, 1), table)])
    # Row 0 rests. Row 1: m 2, v 4, but the correction is that of step 2.
    step = 0.1 * math.sqrt(1 - 0.75**2) / (1 - 0.5**2) * 2 / 2
    np.testing.assert_allclose(table, [[0.9], [1.0 - step]], rtol=1e-5)


@pytest.mark.parametrize("beta_1", [0.9, 0.0])
def test_against_the_equations_row_by_row(beta_1):
    table = _table()
    schedule = WarmupDecay(0.1, total_steps=40, warmup_steps=5, shape="cosine")
    options = {"beta_1": beta_1, "beta_2": 0.98, "epsilon": 1e-3}
    gradients = list(_gradients(40))
    expected = _reference(
        table.numpy(), gradients, lambda step: float(schedule(step)), **options
    )
    found = _train(LazyAdam(schedule, **options), table, gradients)
    np.testing.assert_allclose(found, expected, rtol=2e-5, atol=2e-6)


def test_a_row_that_is_not_read_stays_bit_for_bit():
    table = _table()
    optimizer = LazyAdam(0.1)
    start = table.numpy()
    _train(optimizer, table, _gradients(5))
    before = [table.numpy(), *_moments(optimizer, table)]
    assert (before[0] != start)[4:].any(), "there is momentum to go on with"
    _train(optimizer, table, _gradients(5, rows=4))
    after = [table.numpy(), *_moments(optimizer, table)]
    for old, new in zip(before, after, strict=True):
        np.testing.assert_array_equal(old[4:], new[4:])
        assert (old != new)[:4].any()


def _moments(optimizer, table):
    """Mean gradient and mean square of the only variable."""
    mean, square = [
        variable.numpy()
        for variable in optimizer.variables
        if variable.shape == table.shape
    ]
    return mean, square


def test_dense_gradients_and_rows_always_read_are_adam():
    dense, lazy, kernel = _table(), _table(), _table()
    adam, ours = keras.optimizers.Adam(0.05), LazyAdam(0.05)
    draws = np.random.default_rng(3)
    for _ in range(20):
        gradient = tf.constant(draws.normal(size=(ROWS, WIDTH)), tf.float32)
        order = tf.constant(draws.permutation(ROWS))
        slices = tf.IndexedSlices(tf.gather(gradient, order), order)
        adam.apply_gradients([(gradient, dense)])
        ours.apply_gradients([(slices, lazy), (gradient, kernel)])
    np.testing.assert_array_equal(kernel, dense)
    np.testing.assert_allclose(lazy, dense, rtol=1e-5, atol=1e-6)


def test_rows_that_repeat_are_summed():
    twice, once = _table(), _table()
    values = tf.constant([[1.0] * 3, [2.0] * 3, [4.0] * 3])
    LazyAdam(0.1).apply_gradients(
        [(tf.IndexedSlices(values, tf.constant([5, 2, 5])), twice)]
    )
    summed = tf.constant([[5.0] * 3, [2.0] * 3])
    LazyAdam(0.1).apply_gradients(
        [(tf.IndexedSlices(summed, tf.constant([5, 2])), once)]
    )
    np.testing.assert_array_equal(twice, once)


@pytest.mark.parametrize("jit_compile", [None, True])
def test_graph_and_xla_do_as_eager_does(jit_compile):
    eager, compiled = _table(), _table()
    _train(LazyAdam(0.05), eager, _gradients(10))
    optimizer = LazyAdam(0.05)
    optimizer.build([compiled])

    @tf.function(jit_compile=jit_compile)
    def step(values, indices):
        slices = tf.IndexedSlices(values, indices, [ROWS, WIDTH])
        optimizer.apply_gradients([(slices, compiled)])

    for gradient in _gradients(10):
        step(gradient.values, gradient.indices)
    np.testing.assert_allclose(compiled, eager, rtol=1e-5, atol=1e-6)


def test_no_operation_is_as_large_as_the_table():
    rows = 1000
    table = tf.Variable(tf.zeros([rows, WIDTH]))
    optimizer = LazyAdam(0.05)
    optimizer.build([table])

    @tf.function
    def step(values, indices):
        slices = tf.IndexedSlices(values, indices, [rows, WIDTH])
        optimizer.apply_gradients([(slices, table)])

    graph = step.get_concrete_function(
        tf.TensorSpec([7, WIDTH]), tf.TensorSpec([7], tf.int64)
    ).graph
    graphs = [graph, *_functions(graph)]
    names = {op.type for one in graphs for op in one.get_operations()}
    assert "ResourceScatterUpdate" in names and "ResourceGather" in names
    for one in graphs:
        for op in one.get_operations():
            for tensor in op.outputs:
                assert rows not in tensor.shape.as_list(), op


def _functions(graph):
    """The bodies of what a graph calls."""
    for name in graph._functions:
        function = graph._functions[name]
        body = getattr(function, "graph", None)
        if body is not None:
            yield body


def test_goes_on_after_a_restart(tmp_path):
    gradients = list(_gradients(10))
    expected = _train(LazyAdam(0.05), _table(), gradients)
    optimizer, table = LazyAdam(0.05), _table()
    _train(optimizer, table, gradients[:4])
    path = tf.train.Checkpoint(optimizer=optimizer, table=table).save(
        tmp_path / "half"
    )
    optimizer, table = LazyAdam(0.05), _table(seed=9)
    optimizer.build([table])
    tf.train.Checkpoint(optimizer=optimizer, table=table).restore(
        path
    ).assert_existing_objects_matched()
    found = _train(optimizer, table, gradients[4:])
    np.testing.assert_array_equal(found, expected)


def test_config_round_trip():
    optimizer = LazyAdam(0.25, 0.8, 0.95, 1e-4, name="lazy")
    config = optimizer.get_config()
    assert config == {
        "name": "lazy",
        "learning_rate": 0.25,
        "beta_1": 0.8,
        "beta_2": 0.95,
        "epsilon": 1e-4,
    }
    assert LazyAdam.from_config(config).get_config() == config


def test_runs_with_deterministic_operations():
    """In a process of its own: what it switches on stays on."""
    code = """
        import tfxdr, tensorflow as tf
        from tfxdr.optimizers.lazy_adam import LazyAdam
        tf.config.experimental.enable_op_determinism()
        tf.keras.utils.set_random_seed(1)
        table = tf.Variable(tf.ones([9, 2]))
        optimizer = LazyAdam(0.1)
        optimizer.build([table])
        @tf.function
        def step(rows):
            with tf.GradientTape() as tape:
                loss = tf.reduce_sum(tf.gather(table, rows) ** 2)
            gradients = tape.gradient(loss, [table])
            optimizer.apply_gradients(zip(gradients, [table]))
        for _ in range(3):
            step(tf.constant([1, 3, 3]))
        print(table[:, 0].numpy().round(4).tolist())
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)],
        cwd=pathlib.Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 0, done.stderr
    found = [float(x) for x in done.stdout.strip(" []\n").split(",")]
    assert found[0] == found[2] == found[8] == 1.0
    assert found[1] == pytest.approx(0.7, abs=0.01)
    assert found[3] == pytest.approx(0.7, abs=0.01)


def test_equals_tensorflow_addons_step_by_step():
    addons = pytest.importorskip(
        "tensorflow_addons", reason="only the addons stack has it"
    )
    schedule = WarmupDecay(0.1, total_steps=60, warmup_steps=5, shape="linear")
    options = {"beta_1": 0.8, "beta_2": 0.99, "epsilon": 1e-4}
    theirs = addons.optimizers.LazyAdam(schedule, **options)
    ours = LazyAdam(schedule, **options)
    tables, kernels = (_table(), _table()), (_table(5), _table(5))
    for gradient in _gradients(50):
        dense = tf.reduce_sum(gradient.values) * tf.ones([ROWS, WIDTH])
        for optimizer, table, kernel in zip(
            (ours, theirs), tables, kernels, strict=True
        ):
            optimizer.apply_gradients([(gradient, table), (dense, kernel)])
        np.testing.assert_allclose(*tables, rtol=1e-5, atol=1e-6)
        np.testing.assert_allclose(*kernels, rtol=1e-5, atol=1e-6)


class TestRegistered:
    def test_options_reach_it_and_gradients_are_clipped(self):
        parameters = self._groups("lazyadam(beta_1=0.5)", clip_norm=1.0)
        ((optimizer, (table,)),) = parameters.groups
        assert isinstance(optimizer, LazyAdam) and optimizer.beta_1 == 0.5
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(tf.gather(table, [1] * 30 + [2] * 40))
        norm = parameters.apply(tape.gradient(loss, [table]))
        assert float(norm) == pytest.approx(50.0)
        mean, _ = _moments(optimizer, table)  # half of the clipped gradient
        np.testing.assert_allclose(mean, [[0], [0.3], [0.4]], rtol=1e-5)

    def test_refuses_weight_decay(self):
        with pytest.raises(InputError, match="--weight_decay=0.01.*=adam"):
            self._groups("lazyadam", weight_decay=0.01)

    @pytest.mark.parametrize(
        ("options", "message"),
        [
            ("beta_1=1", r"beta_1 should be in \[0, 1\). Received: 1"),
            ("beta_2=-0.1", r"beta_2 should be in \[0, 1\). Received: -0.1"),
            ("epsilon=0", "epsilon should be above 0. Received: 0"),
        ],
    )
    def test_refuses_options_out_of_range(self, options, message):
        with pytest.raises(InputError, match=message):
            self._groups(f"lazyadam({options})")

    @staticmethod
    def _groups(optimizer, **settings):
        return ParameterGroups(
            OptimizerSettings(
                optimizers.parse(optimizer), learning_rate=0.1, **settings
            ),
            pretrained=[],
            new=[tf.Variable(tf.zeros([3, 1]))],
            total_steps=10,
        )
