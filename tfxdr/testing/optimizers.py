"""What every optimizer promises."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from tfxdr.errors import InputError
from tfxdr.registry import Spec, optimizers
from tfxdr.testing.contract import (
    Contract,
    expect,
    expect_equal,
    expect_repeated,
    values_of,
)
from tfxdr.testing.models import restored
from tfxdr.training.parameters import OptimizerSettings, ParameterGroups

OPTIMIZER = Contract(optimizers)

_READ, _NOT_READ = [0, 2], 1  # rows of the table that a step looks up
_STEPS = 60


class _Problem(tf.Module):
    """A table, of which two rows are read, and a vector go to given values."""

    def __init__(self, spec: Spec, weight_decay: float = 0.0) -> None:
        super().__init__()
        self.table = tf.Variable(tf.ones([3, 2]), name="table")
        self.vector = tf.Variable([2.0, -2.0], name="vector")
        self.parameters = ParameterGroups(
            OptimizerSettings(
                spec,
                learning_rate=0.1,
                schedule="linear",
                warmup_steps=3,
                weight_decay=weight_decay,
            ),
            pretrained=[self.table],
            new=[self.vector],
            total_steps=2 * _STEPS,
        )
        self._step = tf.function(self._compute)

    def _compute(self) -> tf.Tensor:
        with tf.GradientTape() as tape:
            read = tf.gather(self.table, _READ)  # its gradient is sparse
            loss = tf.reduce_sum(read**2) + tf.reduce_sum(self.vector**2)
        variables = self.parameters.variables_to_train
        self.parameters.apply(tape.gradient(loss, variables))
        return loss

    def run(self, steps: int) -> list[float]:
        return [float(self._step()) for _ in range(steps)]

    @property
    def values(self) -> list[np.ndarray]:
        return values_of([self.table, self.vector])


@OPTIMIZER.promise
def it_lowers_a_loss(spec: Spec) -> None:
    """Steps lower a quadratic loss to less than half."""
    losses = _Problem(spec).run(_STEPS)
    expect(np.isfinite(losses).all(), f"losses: {losses}")
    expect(
        losses[-1] < 0.5 * losses[0],
        f"the loss was {losses[0]:.3f}, is {losses[-1]:.3f}",
    )


@OPTIMIZER.promise
def a_row_without_a_gradient_stays(spec: Spec) -> None:
    """A row of a table that no step has read does not move."""
    problem = _Problem(spec)
    problem.run(5)
    expect_equal(
        problem.table.numpy()[_NOT_READ], np.ones(2, np.float32), "the row"
    )


@OPTIMIZER.promise
def weight_decay_counts_or_is_refused(spec: Spec) -> None:
    """`--weight_decay` changes the steps, or is an InputError."""
    plain = _Problem(spec)
    plain.run(5)
    try:
        decayed = _Problem(spec, weight_decay=0.1)
    except InputError:
        return
    decayed.run(5)
    moved = np.abs(plain.vector - decayed.vector).max()
    expect(moved > 0, "the vector ends the same with a weight decay of 0.1")


@OPTIMIZER.promise
def the_schedule_is_followed(spec: Spec) -> None:
    """`learning_rate` rises and falls with the schedule."""
    problem = _Problem(spec)
    rates = []
    for _ in range(5):
        problem.run(1)
        rates.append(problem.parameters.learning_rate())
    expect(
        rates[0] < rates[1] and rates[4] < max(rates),
        f"warm-up for three steps, then a decay expected: {rates}",
    )


@OPTIMIZER.promise
def the_same_start_gives_the_same_numbers(spec: Spec) -> None:
    """Two runs from one start are equal to the bit."""

    def run() -> tuple[list[float], list[np.ndarray]]:
        problem = _Problem(spec)
        return problem.run(5), problem.values

    expect_repeated(run, "losses and variables")


@OPTIMIZER.promise
def a_checkpoint_goes_on_as_before(spec: Spec) -> None:
    """Training that goes on from a checkpoint gives the same numbers."""
    whole, first, second = (_Problem(spec) for _ in range(3))
    whole.run(6)
    first.run(3)
    restored(first, second)
    second.run(3)
    expect_equal(second.values, whole.values, "variables after six steps")
