"""What every sequential backbone promises."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from tfxdr.backbones import Backbone, is_joint
from tfxdr.layers.routed_block import RoutedBlock, twin
from tfxdr.models.pretrain import PretrainModel
from tfxdr.ops import softmax
from tfxdr.ops.tracing import graph_of
from tfxdr.registry import Spec, backbones
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
    with_dropout,
)
from tfxdr.testing.models import (
    HISTORY,
    NUM_ITEMS,
    expect_checkpoint,
    expect_export,
    strengthen,
)
from tfxdr.types import Batch

BACKBONE = Contract(backbones)

_SEED = tf.constant([3, 4])
_ROWS = tf.constant(np.concatenate([HISTORY, HISTORY[3:]]))


def _small(spec: Spec) -> Backbone:
    expect(
        not is_joint(spec.registry.entry(spec.name)),
        "it makes a tfxdr.JointBackbone: check_joint_backbone is for these",
    )
    tf.keras.utils.set_random_seed(3)
    backbone = spec.build(num_items=NUM_ITEMS)
    expect_instance(backbone, Backbone)
    backbone(tf.zeros([1, 1], tf.int32))
    return backbone


def _strong(spec: Spec) -> Backbone:
    """Weights large enough that a broken mask cannot hide."""
    backbone = _small(spec)
    strengthen(backbone.trainable_variables, 0.7)
    return backbone


@BACKBONE.promise
def hidden_vectors_are_of_its_width(spec: Spec) -> None:
    """It maps `[batch, length]` to finite `[batch, positions, width]`."""
    backbone = _strong(spec)
    hidden, mask = backbone.encode(_ROWS)
    expect(
        hidden.shape[0] == len(_ROWS) and hidden.shape[2] == backbone.width,
        f"[{len(_ROWS)}, positions, {backbone.width}] expected, found "
        f"{hidden.shape}",
    )
    expect(
        mask.shape == hidden.shape[:2],
        f"the mask is {mask.shape}, hidden vectors are {hidden.shape}",
    )
    expect(np.isfinite(hidden).all(), "hidden vectors should be finite")


@BACKBONE.promise
def padding_changes_nothing(spec: Spec) -> None:
    """Padding on the left changes no hidden vector."""
    backbone = _strong(spec)
    for length in (0, 1, 4, 9):
        history = np.arange(2, 2 + length, dtype=np.int32)
        results = []
        for padding in (max(1 - length, 0), 3, 40):
            ids = np.concatenate([np.zeros(padding, np.int32), history])
            results.append(backbone(ids[None])[0, -max(length, 1) :])
        expect(
            np.isfinite(results[0]).all(),
            f"hidden vectors of {length} items should be finite",
        )
        for other in results[1:]:
            expect_close(results[0], other, f"{length} items, more padding")


@BACKBONE.promise
def it_sees_later_items_only_if_it_says_so(spec: Spec) -> None:
    """No position sees a later item, unless `causal` is false."""
    backbone = _strong(spec)
    ids = np.arange(2, 12, dtype=np.int32)[None]
    changed = ids.copy()
    changed[0, 6:] = 15
    moved = np.abs(backbone(ids) - backbone(changed))[0].max(axis=-1)
    expect(moved[-1] > 0.01, "the last items should change the last position")
    saw = moved[: len(moved) - 4].max() > 1e-5
    expect(
        saw != backbone.causal,
        f"causal is {backbone.causal}, and later items "
        f"{'' if saw else 'do not '}change earlier positions",
    )


@BACKBONE.promise
def the_order_of_items_counts(spec: Spec) -> None:
    """Two histories of the same items in another order differ."""
    backbone = _strong(spec)
    one, other = (
        backbone(np.array([ids], np.int32))[0, -1]
        for ids in ([2, 3, 4, 5], [3, 2, 4, 5])
    )
    expect(np.abs(one - other).max() > 1e-3, "both orders give one vector")


@BACKBONE.promise
def other_users_change_nothing(spec: Spec) -> None:
    """A user's hidden vectors do not depend on the batch's other users."""
    backbone = _strong(spec)
    expect_alone(
        lambda rows: backbone(_ROWS[rows]),
        len(_ROWS),
        "hidden vectors of a user",
    )


@BACKBONE.promise
def eager_and_compiled_agree(spec: Spec) -> None:
    """Hidden vectors are the same eagerly, in a graph and by XLA."""
    expect_compiled(_strong(spec).call, _ROWS[1:])


@BACKBONE.promise
def the_config_makes_it_again(spec: Spec) -> None:
    """`from_config(get_config())` has the same options, and all of them."""
    expect_config(_small(spec), spec)


@BACKBONE.promise
def a_twin_of_a_block_computes_the_same(spec: Spec) -> None:
    """A block is made again from its config, with weights of its own."""
    backbone = _strong(with_dropout(spec) or spec)
    hidden, mask = backbone.embed(_ROWS)
    for block in backbone.blocks:
        copy = type(block).from_config(block.get_config())
        copy.build(hidden.shape)
        before = copy(hidden, mask=mask)
        copy.set_weights(block.get_weights())
        expected = block(hidden, mask=mask)
        expect(
            np.abs(before - expected).max() > 0.01,
            f"{block.name}: the weights should count",
        )
        again = copy(hidden, mask=mask)
        expect_equal(again, expected, f"the twin of {block.name}")
        expect_equal(
            copy(hidden, mask=mask, seed=_SEED),
            block(hidden, mask=mask, seed=_SEED),
            f"the twin of {block.name} in training",
        )


@BACKBONE.promise
def adapters_are_called_once_each_and_count(spec: Spec) -> None:
    """A block calls each of its `num_adapters` adapters once, and uses it."""
    backbone = _strong(spec)
    hidden, mask = backbone.embed(_ROWS[2:])
    block = backbone.blocks[0]
    plain = block(hidden, mask=mask)
    seen = []

    def same(read: tf.Tensor, gave: tf.Tensor) -> tf.Tensor:
        expect(
            read.shape == gave.shape == hidden.shape,
            f"adapters should see tensors {hidden.shape}",
        )
        seen.append(gave)
        return gave

    unchanged = block(hidden, mask=mask, adapters=[same] * block.num_adapters)
    expect_equal(unchanged, plain, "adapters that change nothing")
    expect(len(seen) == block.num_adapters, f"{len(seen)} adapters were called")
    for place in range(block.num_adapters):
        adapters = [same] * block.num_adapters
        adapters[place] = lambda read, gave: gave + read
        moved = np.abs(block(hidden, mask=mask, adapters=adapters) - plain)
        expect(moved[mask].max() > 0.01, f"adapter {place} does not count")


@BACKBONE.promise
def pretraining_pairs_hidden_vectors_with_items(spec: Spec) -> None:
    """`pretraining` gives vectors `[n, width]` and real items `[n]` int32."""
    backbone = _small(spec)
    hidden, labels = backbone.pretraining(_ROWS, _SEED)
    expect(
        hidden.shape == (len(labels), backbone.width),
        f"{len(labels)} items go with hidden vectors {hidden.shape}",
    )
    expect(labels.dtype == tf.int32, f"items should be int32: {labels.dtype}")
    real = set(HISTORY[HISTORY > 0].tolist())
    expect(set(labels.numpy()) <= real, "items should be those of the history")


@BACKBONE.promise
def pretraining_reaches_every_weight(spec: Spec) -> None:
    """The loss of pre-training has a gradient for every weight."""
    backbone = _strong(spec)
    head = backbone.next_item_head(NUM_ITEMS)
    head(tf.zeros([1, backbone.width]))
    with tf.GradientTape() as tape:
        hidden, labels = backbone.pretraining(_ROWS, _SEED)
        loss = softmax.next_item_softmax(
            hidden,
            labels,
            head.kernel,
            head.bias,
            tf.ones_like(labels, tf.float32),
        )
    both = (*backbone.trainable_variables, *head.trainable_variables)
    variables = list({v.ref(): v for v in both}.values())
    expect_gradients(tape.gradient(loss, variables), variables, "gradients")


@BACKBONE.promise
def a_seed_decides_all_that_is_random(spec: Spec) -> None:
    """The same seed gives the same numbers, and `None` gives none at random."""
    backbone = _small(spec)
    for seed in (_SEED, None):
        one, other = (backbone.pretraining(_ROWS, seed)[0] for _ in range(2))
        expect_equal(one, other, f"hidden vectors of seed {seed}")
    dropping = with_dropout(spec)
    if dropping is not None:
        backbone = _strong(dropping)
        one, other = (
            backbone.encode(_ROWS, seed=seed)[0] for seed in (_SEED, _SEED + 1)
        )
        expect(
            np.abs(one - other).max() > 0,
            "with dropout=0.5 two seeds should give different vectors",
        )


@BACKBONE.promise
def pretraining_learns(spec: Spec) -> None:
    """A few steps of pre-training lower the loss by a fifth."""
    model = PretrainModel(_small(spec), NUM_ITEMS, loss="softmax")
    model(tf.zeros([1, 1], tf.int32))
    # Unknown batch and length, as in training.
    ids = tf.TensorSpec([None, None], tf.int32)
    optimizer = tf.keras.optimizers.legacy.Adam(0.02)

    def step(history: tf.Tensor, seed: tf.Tensor) -> None:
        with tf.GradientTape() as tape:
            loss, _ = model.batch_loss(_source_batch(history, seed))
        variables = model.trainable_variables
        gradients = tape.gradient(loss, variables)
        optimizer.apply_gradients(zip(gradients, variables, strict=True))

    run = graph_of(
        step, model, input_signature=[ids, tf.TensorSpec([2], tf.int32)]
    )
    validate = graph_of(model.full_loss, model, input_signature=[ids])
    start = np.arange(12)[:, np.newaxis]
    history = ((start + np.arange(8)) % (NUM_ITEMS - 2) + 2).astype(np.int32)
    before, _ = validate(history)
    for number in range(30):
        run(history, tf.constant([1, number]))
    after, _ = validate(history)
    expect(after < 0.8 * before, f"the loss was {before:.3f}, is {after:.3f}")


def _source_batch(history: tf.Tensor, seed: tf.Tensor) -> Batch:
    none = tf.zeros([tf.shape(history)[0], 0], tf.int32)
    zero = tf.constant(0)
    return Batch(history, none, none[..., tf.newaxis], none, seed, zero, zero)


@BACKBONE.promise
def a_variable_is_in_it_once(spec: Spec) -> None:
    """No variable is listed twice."""
    references = [variable.ref() for variable in _small(spec).variables]
    expect(len(set(references)) == len(references), "one is listed twice")


@BACKBONE.promise
def routing_users_gives_what_mixing_them_gives(spec: Spec) -> None:
    """A user goes through the tuned block alone as beside the frozen one."""
    backbone = _strong(spec)
    frozen = backbone.blocks[0]
    tuned = twin(frozen, backbone.width)
    for variable in tuned.variables:
        variable.assign_add(0.1 * tf.ones_like(variable))
    hidden, mask = backbone.embed(_ROWS[:3])
    for actions in ((0, 1, 1), (0, 0, 0), (1, 1, 1)):
        action = tf.constant(actions, tf.float32)
        routed, mixed = (
            RoutedBlock(frozen, tuned, hard=hard)(hidden, action, mask=mask)
            for hard in (True, False)
        )
        expect_close(routed, mixed, f"the block under actions {actions}")


@BACKBONE.promise
def the_last_position_alone_is_the_same(spec: Spec) -> None:
    """Leaving out what the last position cannot see does not change it."""
    backbone = _strong(spec)
    random = np.random.default_rng(1)
    for length in (1, 6, 80):
        history = random.integers(2, NUM_ITEMS, [3, length]).astype(np.int32)
        history[0, : length // 2] = 0
        hidden, _ = backbone.encode(history)
        alone, mask = backbone.encode(history, last_alone=True)
        expect(mask.shape == alone.shape[:2], f"the mask is {mask.shape}")
        expect_close(alone[:, -1], hidden[:, -1], f"of {length} positions")


@BACKBONE.promise
def a_checkpoint_brings_it_back(spec: Spec) -> None:
    """A new model with a checkpoint of a fine-tuned one scores alike."""
    expect_checkpoint(policy="all", backbone=spec)


@BACKBONE.promise
def an_export_answers_the_same(spec: Spec) -> None:
    """What an export with two towers answers is what the model answers."""
    expect_export(backbone=spec)
