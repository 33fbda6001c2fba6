"""What every loss of fine-tuning promises."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from tfxdr.layers.target_head import TargetHead
from tfxdr.registry import Spec, losses
from tfxdr.testing.contract import (
    Contract,
    expect,
    expect_compiled,
    expect_gradients,
)
from tfxdr.testing.models import (
    HISTORY,
    NUM_TARGETS,
    batch,
    expect_same_training,
    strengthen,
)
from tfxdr.types import FIRST_ITEM, Batch

LOSS = Contract(losses)

_WIDTH = 6


def _head() -> TargetHead:
    head = TargetHead(NUM_TARGETS)
    head.build(tf.TensorShape([None, _WIDTH]))
    strengthen(head.variables)
    return head


def _user() -> tf.Tensor:
    return tf.random.stateless_normal([len(HISTORY), _WIDTH], [1, 2])


def _values(
    spec: Spec, user: tf.Tensor, head: TargetHead, rows: Batch
) -> tf.Tensor:
    probability = np.full(NUM_TARGETS, 1 / NUM_TARGETS, np.float32)
    return spec.build(item_probability=probability)(user, head, rows)


def _real(rows: Batch) -> np.ndarray:
    return rows.positives.numpy() != 0


@LOSS.promise
def every_instance_has_a_value(spec: Spec) -> None:
    """Values are `[batch, targets]`, finite wherever there is a positive."""
    rows = batch()
    values = _values(spec, _user(), _head(), rows)
    expect(
        values.shape == rows.positives.shape,
        f"{rows.positives.shape} expected, found {values.shape}",
    )
    expect(np.isfinite(values.numpy()[_real(rows)]).all(), "not finite")


@LOSS.promise
def gradients_reach_user_and_items(spec: Spec) -> None:
    """A loss has a gradient for users and items, finite beside padding."""
    rows, user, head = batch(), tf.Variable(_user()), _head()
    with tf.GradientTape() as tape:
        values = _values(spec, user, head, rows)
        loss = tf.reduce_sum(values * tf.cast(_real(rows), values.dtype))
    variables = [user, head.kernel]
    gradients = tape.gradient(loss, variables)
    expect_gradients(gradients, variables, "gradients")
    none = ~_real(rows).any(axis=1)
    expect(
        not np.any(tf.convert_to_tensor(gradients[0]).numpy()[none]),
        "a user without a positive should have no gradient",
    )


@LOSS.promise
def a_better_positive_costs_less(spec: Spec) -> None:
    """Raising the score of a positive alone lowers its loss."""
    head, count = _head(), len(HISTORY)
    item = tf.constant(np.arange(count) % 2 + FIRST_ITEM, tf.int32)
    rows = batch()._replace(
        positives=item[:, tf.newaxis],
        negatives=tf.fill([count, 1, 3], FIRST_ITEM + 2),
    )
    before = _values(spec, _user(), head, rows)
    head.bias.assign(head.bias + tf.one_hot(FIRST_ITEM, NUM_TARGETS))
    after = _values(spec, _user(), head, rows)
    lower = (after < before)[item == FIRST_ITEM]
    expect(np.all(lower), f"before {before}, after {after}")


@LOSS.promise
def eager_and_compiled_agree(spec: Spec) -> None:
    """Values are the same eagerly and in a graph."""
    rows, head = batch(), _head()
    real = _real(rows)
    expect_compiled(
        lambda user, rows: tf.boolean_mask(
            _values(spec, user, head, rows), real
        ),
        _user(),
        rows,
        xla=False,
    )


@LOSS.promise
def the_same_seed_gives_the_same_numbers(spec: Spec) -> None:
    """Two trainings with one seed end with equal losses."""
    expect_same_training(policy="all", loss=spec)
