"""L2-SP, WiSE-FT and averages: against NumPy, and after a restart."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

from tfxdr.errors import InputError
from tfxdr.registry import optimizers
from tfxdr.training.parameters import OptimizerSettings, ParameterGroups

RATE, STEPS = 0.1, 4
TABLE = np.arange(6, dtype=np.float32).reshape(3, 2)
NEW = np.array([5.0, -3.0], np.float32)
# What a step's loss reads of the table: row 1 twice, row 2 never.
ROWS = [0, 1, 1]


class Problem(tf.Module):
    """A pre-trained table, of which some rows are read, and a new vector."""

    def __init__(self, optimizer, **rates):
        super().__init__()
        self.table, self.new = tf.Variable(TABLE), tf.Variable(NEW)
        self.parameters = ParameterGroups(
            OptimizerSettings(
                optimizers.parse(optimizer), learning_rate=RATE, **rates
            ),
            pretrained=[self.table],
            new=[self.new],
            total_steps=100,
        )

    def step(self):
        with tf.GradientTape() as tape:
            read = tf.gather(self.table, ROWS)
            loss = tf.reduce_sum(read**2) + tf.reduce_sum(self.new**2)
        variables = self.parameters.variables_to_train
        self.parameters.apply(tape.gradient(loss, variables))

    def run(self, steps, *, graph=False):
        step = tf.function(self.step) if graph else self.step
        for _ in range(steps):
            step()
        return self

    @property
    def values(self):
        return self.table.numpy(), self.new.numpy()

    @property
    def judged(self):
        with self.parameters.averaged():
            return self.values


def reference(*, weight=0.0, rate=RATE, steps=STEPS, moved=TABLE):
    """Values of table and vector after each step of SGD, in float64."""
    table, new = moved.astype(np.float64), NEW.astype(np.float64)
    found = []
    for _ in range(steps):
        counts = np.bincount(ROWS, minlength=len(table))[:, np.newaxis]
        table = table - rate * (2 * counts * table + weight * (table - TABLE))
        new = new - RATE * 2 * new
        found.append((table, new))
    return found


def close(found, expected):
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("graph", [False, True])
def test_l2_sp_pulls_pretrained_weights_back_and_no_others(graph):
    problem = Problem("l2-sp(weight=0.5,inner=sgd)").run(STEPS, graph=graph)
    close(problem.values, reference(weight=0.5)[-1])
    assert problem.judged[0] == pytest.approx(problem.values[0])


def test_l2_sp_pulls_rows_that_a_batch_has_not_read():
    problem = Problem("l2-sp(weight=0.5,inner=sgd)")
    problem.table.assign_add(tf.ones([3, 2]))
    close(problem.run(STEPS).values, reference(weight=0.5, moved=TABLE + 1)[-1])
    assert (problem.values[0][2] < TABLE[2] + 1).all()


def test_the_rate_of_pretrained_weights_is_kept():
    problem = Problem(
        "l2-sp(weight=0.5,inner=sgd)", pretrained_learning_rate=0.02
    )
    close(problem.run(STEPS).values, reference(weight=0.5, rate=0.02)[-1])


@pytest.mark.parametrize("graph", [False, True])
def test_wise_ft_is_judged_between_and_trains_as_without(graph):
    problem = Problem("wise-ft(share=0.25,inner=sgd)").run(STEPS, graph=graph)
    table, new = reference()[-1]
    close(problem.judged, (0.75 * TABLE + 0.25 * table, new))
    close(problem.values, (table, new))


@pytest.mark.parametrize("graph", [False, True])
def test_ema_is_the_weighted_mean_of_what_steps_left(graph):
    problem = Problem("ema(decay=0.7,inner=sgd)").run(STEPS, graph=graph)
    steps = reference()
    weights = 0.7 ** np.arange(STEPS)[::-1]
    expected = [
        np.average(values, axis=0, weights=weights)
        for values in zip(*steps, strict=True)
    ]
    close(problem.judged, expected)
    close(problem.values, steps[-1])


def test_ema_before_the_first_step_is_the_start():
    close(Problem("ema").judged, (TABLE, NEW))


@pytest.mark.parametrize(
    "optimizer", ["l2-sp(weight=0.5)", "wise-ft", "ema(decay=0.7)"]
)
def test_what_is_kept_survives_a_restart(optimizer, tmp_path):
    whole = Problem(optimizer).run(6)
    first = Problem(optimizer).run(3)
    prefix = tf.train.Checkpoint(problem=first).write(str(tmp_path / "half"))
    second = Problem(optimizer)
    second.table.assign(tf.zeros([3, 2]))  # no value of the start helps
    tf.train.Checkpoint(problem=second).read(prefix).assert_consumed()
    second.run(3)
    for attribute in ("values", "judged"):
        for one, other in zip(
            getattr(whole, attribute), getattr(second, attribute), strict=True
        ):
            np.testing.assert_array_equal(one, other)


def test_the_inner_optimizer_is_asked_by_name_and_options():
    plain = Problem("sgd(momentum=0.9)").run(STEPS)
    inside = Problem("ema(inner=sgd(momentum=0.9))").run(STEPS)
    np.testing.assert_array_equal(plain.table, inside.table)


@pytest.mark.parametrize(
    "optimizer", ["l2-sp(inner=ema)", "ema(inner=wise-ft)"]
)
def test_an_inner_optimizer_that_does_more_is_refused(optimizer):
    with pytest.raises(InputError, match="moves all weights alike"):
        Problem(optimizer)


@pytest.mark.parametrize(
    ("optimizer", "text"),
    [
        ("l2-sp(weight=-1.0)", "weight should be at least 0"),
        ("wise-ft(share=1.5)", r"share should be in \[0, 1\]"),
        ("ema(decay=1.0)", r"decay should be in \[0, 1\)"),
        ("ema(inner=adm)", "unknown optimizer 'adm'"),
    ],
)
def test_wrong_options_are_refused(optimizer, text):
    with pytest.raises(InputError, match=text):
        Problem(optimizer)
