"""What every meta-learner promises."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from tfxdr.meta_learners import MetaLearner
from tfxdr.models.joint import JointModel
from tfxdr.registry import Spec, backbones, meta_learners
from tfxdr.testing.contract import (
    Contract,
    expect,
    expect_alone,
    expect_compiled,
    expect_equal,
    expect_gradients,
    expect_instance,
    expect_repeated,
    values_of,
)
from tfxdr.testing.joint_models import (
    ROWS,
    SIZES,
    SOURCE_CATEGORIES,
    joint_batch,
    rows_of,
    train_jointly,
    trained_numbers,
)
from tfxdr.testing.models import restored, strengthen
from tfxdr.training.joint import build_joint

META_LEARNER = Contract(meta_learners)

_BACKBONE = "mtl(embedding_size=3,hidden=[6,4])"


def _joint(spec: Spec, seed: int = 3) -> tuple[JointModel, MetaLearner]:
    """A meta-learner, built on a small joint model."""
    meta = spec.build(
        interval=1,
        head_steps=2,
        weight_decay=0.0,
        source_categories=SOURCE_CATEGORIES,
    )
    expect_instance(meta, MetaLearner)
    model = build_joint(backbones.parse(_BACKBONE), meta, SIZES, seed=seed)
    strengthen(model.trainable_variables)
    return model, meta


@META_LEARNER.promise
def every_source_example_has_a_weight(spec: Spec) -> None:
    """`weights` are finite numbers `[batch]`, none of them negative."""
    model, meta = _joint(spec)
    weights = meta.weights(model, joint_batch())
    expect(weights.shape == (ROWS,), f"[{ROWS}] expected: {weights.shape}")
    expect(np.isfinite(weights).all(), "weights should be finite")
    expect(np.min(weights) >= 0, f"weights should be >= 0: {weights}")


@META_LEARNER.promise
def importance_is_of_a_row_alone(spec: Spec) -> None:
    """`importance`, if any, is `[batch]`, each by itself."""
    model, meta = _joint(spec)
    batch = joint_batch()
    together = meta.importance(model, batch)
    if together is None:
        return
    expect(together.shape == (ROWS,), f"[{ROWS}] expected: {together.shape}")
    expect_alone(
        lambda rows: meta.importance(model, rows_of(batch, rows)),
        ROWS,
        "importance of a row",
    )


@META_LEARNER.promise
def there_is_a_direction_for_every_variable(spec: Spec) -> None:
    """`gradients` gives a finite loss and one gradient for each variable."""
    model, meta = _joint(spec)
    variables = model.variables_to_train
    loss, gradients = meta.gradients(model, joint_batch(), variables)
    expect(loss.shape == () and np.isfinite(loss), f"the loss is {loss}")
    expect(len(gradients) == len(variables), f"{len(gradients)} gradients")
    for gradient, variable in zip(gradients, variables, strict=True):
        if gradient is not None:
            values = tf.convert_to_tensor(gradient)
            expect(
                values.shape == variable.shape and np.isfinite(values).all(),
                f"of {variable.name}: {values}",
            )
    of_target = dict(zip([v.ref() for v in variables], gradients, strict=True))
    head = model.target_head.trainable_variables
    expect_gradients([of_target[v.ref()] for v in head], head, "gradients")


@META_LEARNER.promise
def eager_and_compiled_agree(spec: Spec) -> None:
    """A step's loss and gradients are the same eagerly and in a graph."""
    model, meta = _joint(spec)
    variables = model.variables_to_train
    expect_compiled(
        lambda batch: meta.gradients(model, batch, variables),
        joint_batch(),
        xla=False,
    )


@META_LEARNER.promise
def the_upper_level_learns_and_leaves_the_model(spec: Spec) -> None:
    """`update` moves `meta_variables` and nothing below the heads."""
    model, meta = _joint(spec)
    if not meta.interval:
        expect(not meta.meta_variables, "interval is 0: nothing is learned")
        return
    below = model.variables_to_train
    kept, learned = values_of(below), values_of(meta.meta_variables)
    meta.update(model, joint_batch(), joint_batch(10))
    expect_equal(values_of(below), kept, "what the lower level trains")
    after = values_of(meta.meta_variables)
    expect(all(np.isfinite(a).all() for a in after), "it should stay finite")
    moved = [np.abs(a - b).max() for a, b in zip(after, learned, strict=True)]
    expect(moved and max(moved) > 0, "update moved none of meta_variables")


@META_LEARNER.promise
def the_same_seed_gives_the_same_numbers(spec: Spec) -> None:
    """Two trainings with one seed end with equal numbers."""
    expect_repeated(
        lambda: trained_numbers(*_joint(spec)),
        "losses and weights of equal trainings",
    )


@META_LEARNER.promise
def a_checkpoint_brings_it_back(spec: Spec) -> None:
    """From a checkpoint, a new one weighs alike and goes on alike."""
    model, meta = _joint(spec)
    again, fresh = _joint(spec, seed=4)
    train_jointly(model, meta)
    restored(model, again)
    restored(meta, fresh)
    batch = joint_batch()
    expect_equal(
        fresh.weights(again, batch), meta.weights(model, batch), "weights"
    )
    expect_equal(
        train_jointly(again, fresh),
        train_jointly(model, meta),
        "losses of the steps that follow",
    )
    expect_equal(
        values_of(fresh.meta_variables),
        values_of(meta.meta_variables),
        "what was learned in the steps that follow",
    )
