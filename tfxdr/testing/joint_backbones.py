"""What every joint backbone promises."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from tfxdr.backbones import JointBackbone, is_joint
from tfxdr.meta_learners import MetaLearner
from tfxdr.models.joint import JointModel
from tfxdr.registry import Spec, backbones
from tfxdr.serving.joint import JointServable
from tfxdr.testing.contract import (
    Contract,
    expect,
    expect_alone,
    expect_close,
    expect_compiled,
    expect_config,
    expect_equal,
    expect_gradients,
    expect_instance,
    expect_repeated,
    with_dropout,
)
from tfxdr.testing.joint_models import (
    ROWS,
    SIZES,
    joint_batch,
    rows_of,
    train_jointly,
    trained_numbers,
)
from tfxdr.testing.models import exported, restored, strengthen
from tfxdr.types import FIRST_ITEM, Items

JOINT_BACKBONE = Contract(backbones)


def _model(spec: Spec, seed: int = 3) -> JointModel:
    expect(
        is_joint(spec.registry.entry(spec.name)),
        "it makes a sequential backbone, as far as its class or annotation "
        "says: check_backbone is for these",
    )
    tf.keras.utils.set_random_seed(seed)
    backbone = spec.build(sizes=SIZES)
    expect_instance(backbone, JointBackbone)
    model = JointModel(backbone)
    strengthen(model.trainable_variables)
    return model


@JOINT_BACKBONE.promise
def vectors_have_a_row_for_each_example(spec: Spec) -> None:
    """It maps examples to finite vectors `[batch, d]`, one for each domain."""
    model, batch = _model(spec), joint_batch()
    vectors = model.backbone(batch.user, batch.source, batch.target)
    for domain, vector in zip(("source", "target"), vectors, strict=True):
        expect(
            vector.shape.rank == 2 and vector.shape[0] == ROWS,
            f"[{ROWS}, d] expected of the {domain}, found {vector.shape}",
        )
        expect(np.isfinite(vector).all(), f"{domain}: not finite")
    expect(model.backbone.penalty().shape == (), "penalty should be a scalar")


@JOINT_BACKBONE.promise
def other_rows_change_nothing(spec: Spec) -> None:
    """A row's logits do not depend on the batch's other rows."""
    model, batch = _model(spec), joint_batch()
    expect_alone(
        lambda rows: model.logits(rows_of(batch, rows)), ROWS, "logits of a row"
    )


@JOINT_BACKBONE.promise
def user_and_item_count(spec: Spec) -> None:
    """Another target item, and another user, change the target's logit."""
    model, batch = _model(spec), joint_batch()
    before = model.logits(batch)[1]
    other = Items((batch.target.item - 1) % 11 + 2, batch.target.category)
    for changed in (
        batch._replace(user=(batch.user - 1) % 10 + 2),
        batch._replace(target=other),
    ):
        moved = np.abs(model.logits(changed)[1] - before)
        expect(moved.max() > 1e-4, "no logit changed")


@JOINT_BACKBONE.promise
def without_the_source_it_does_not_count(spec: Spec) -> None:
    """`uses_source` is `False` only where no source item has an influence."""
    model, batch = _model(spec), joint_batch()
    if model.backbone.uses_source:
        return
    other = batch._replace(source=Items(*(x % 3 for x in batch.source)))
    one, two = (model.logits(rows)[1] for rows in (batch, other))
    expect_equal(one, two, "target logits beside another source example")


@JOINT_BACKBONE.promise
def the_loss_reaches_every_weight(spec: Spec) -> None:
    """The joint loss has a gradient for all that is trained."""
    model, batch = _model(spec), joint_batch()
    weights = tf.fill([ROWS], 1 / ROWS)
    with tf.GradientTape() as tape:
        loss = model.lower_loss(batch, weights)
    variables = model.variables_to_train
    expect_gradients(tape.gradient(loss, variables), variables, "gradients")


@JOINT_BACKBONE.promise
def eager_and_compiled_agree(spec: Spec) -> None:
    """Logits are the same eagerly, in a graph and by XLA."""
    expect_compiled(_model(spec).logits, joint_batch())


@JOINT_BACKBONE.promise
def the_config_makes_it_again(spec: Spec) -> None:
    """`from_config(get_config())` has the same options, and all of them."""
    expect_config(_model(spec).backbone, spec)


@JOINT_BACKBONE.promise
def the_same_seed_gives_the_same_numbers(spec: Spec) -> None:
    """Two trainings with one seed end with equal weights."""
    expect_repeated(
        lambda: trained_numbers(_model(spec), MetaLearner()),
        "losses and weights of equal trainings",
    )


@JOINT_BACKBONE.promise
def a_seed_decides_what_is_dropped(spec: Spec) -> None:
    """With dropout a batch's seed decides the losses, and nothing is dropped
    at inference."""
    dropping = with_dropout(spec)
    if dropping is None:
        return
    model, plain, batch = _model(dropping), _model(spec), joint_batch()
    for one, other in zip(
        model.logits(batch), plain.logits(batch), strict=True
    ):
        expect_equal(one, other, "logits with dropout and without")
    losses, again, others = (
        model.example_losses(batch._replace(seed=tf.constant(seed)))
        for seed in ([1, 2], [1, 2], [3, 4])
    )
    for domain in (0, 1)[not model.backbone.uses_source :]:
        expect_equal(losses[domain], again[domain], "losses of one seed")
        expect(
            np.abs(losses[domain] - others[domain]).max() > 0,
            "with dropout=0.5 two seeds should give different losses",
        )


@JOINT_BACKBONE.promise
def a_checkpoint_brings_it_back(spec: Spec) -> None:
    """A new model with a checkpoint of a trained one answers alike."""
    trained, fresh = _model(spec), _model(spec, seed=4)
    train_jointly(trained, MetaLearner())
    restored(trained, fresh)
    batch = joint_batch()
    expect_equal(fresh.logits(batch), trained.logits(batch), "logits")


@JOINT_BACKBONE.promise
def an_export_answers_the_same(spec: Spec) -> None:
    """What an export answers is what the model answers."""
    model = _model(spec)
    users, targets = (
        [f"{kind}{row}" for row in range(FIRST_ITEM, size)]
        for kind, size in (("u", SIZES.users), ("t", SIZES.target_items))
    )
    rows = range(FIRST_ITEM, SIZES.users)
    source = Items(*(tf.constant([2 + row % 3 for row in rows]),) * 2)
    category = np.arange(SIZES.target_items, dtype=np.int32) % 2 + 2
    servable = JointServable(
        model,
        user_ids=users,
        target_ids=targets,
        source=source,
        category=category,
        counts=np.ones(SIZES.target_items, np.int64),
        examples=users,
        k_max=5,
    )
    item = [FIRST_ITEM + row % len(targets) for row in rows]
    request = {
        "user": tf.constant(users),
        "item": tf.constant([targets[i - FIRST_ITEM] for i in item]),
    }
    expected = model.target_logit(
        tf.constant(list(rows)),
        source,
        Items(tf.constant(item), tf.constant(category[item])),
    )
    answers = exported(servable, {"serving_default": request})
    answer = answers["serving_default"]
    expect_close(answer["probability"], tf.sigmoid(expected), "probabilities")
