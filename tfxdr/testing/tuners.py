"""What every tuner promises."""

from __future__ import annotations

import numpy as np
import tensorflow as tf
from tensorflow import keras

from tfxdr.models.transfer import TransferModel
from tfxdr.registry import Spec, backbones, tuners
from tfxdr.testing.contract import (
    Contract,
    expect,
    expect_alone,
    expect_close,
    expect_compiled,
    expect_equal,
    expect_gradients,
    expect_instance,
    values_of,
)
from tfxdr.testing.models import (
    HISTORY,
    NUM_ITEMS,
    expect_checkpoint,
    expect_export,
    expect_same_training,
    strengthen,
    train,
    transfer_model,
)
from tfxdr.tuners import Tuner

TUNER = Contract(tuners)

_WIDTH = 8
_BACKBONES = (
    "nextitnet(channels=8,dilations=[1,2])",
    "sasrec(channels=8,num_heads=2)",
    "gru4rec(channels=8)",
)
_HIDDEN = tf.random.stateless_normal([2, 4, _WIDTH], [3, 4])
_MASK = tf.constant([[False, False, True, True], [True, True, True, True]])


def _blocks() -> list[keras.layers.Layer]:
    """A built block of each kind."""
    tf.keras.utils.set_random_seed(1)
    found = []
    for text in _BACKBONES:
        backbone = backbones.build(text, num_items=NUM_ITEMS)
        backbone(tf.zeros([1, 2], tf.int32))
        found.append(backbone.blocks[0])
    return found


def _tuned(spec: Spec, block: keras.layers.Layer) -> keras.layers.Layer:
    tuner = spec.build()
    expect_instance(tuner, Tuner)
    tuned = tuner.tune(block, _WIDTH)
    tuned(_HIDDEN, mask=_MASK)
    return tuned


@TUNER.promise
def it_is_called_like_the_block(spec: Spec) -> None:
    """A tuned block is called like the block, and keeps the shape."""
    for block in _blocks():
        tuned = _tuned(spec, block)
        for options in ({}, {"mask": _MASK}, {"mask": _MASK, "seed": [1, 2]}):
            shape = tuned(_HIDDEN, **options).shape
            expect(shape == _HIDDEN.shape, f"{_HIDDEN.shape} expected: {shape}")


@TUNER.promise
def gradients_reach_what_it_trains(spec: Spec) -> None:
    """It trains something, and a loss reaches all of it."""
    for block in _blocks():
        tuned = _tuned(spec, block)
        strengthen(tuned.variables)
        variables = tuned.trainable_variables
        expect(variables, f"nothing of {block.name} is trained")
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(tuned(_HIDDEN, mask=_MASK) ** 2)
        expect_gradients(tape.gradient(loss, variables), variables, block.name)


@TUNER.promise
def the_frozen_block_stays(spec: Spec) -> None:
    """Training a tuned block leaves the frozen one beside it alone."""
    model = transfer_model(tuner=spec)
    frozen = [v for b in model.backbone.blocks for v in b.frozen.variables]
    tuned = [v for b in model.backbone.blocks for v in b.tuned.variables]
    before = values_of(frozen), values_of(tuned)
    train(model, compiled=False)
    expect_equal(values_of(frozen), before[0], "the frozen blocks")
    pairs = zip(values_of(tuned), before[1], strict=True)
    moved = max(np.abs(a - b).max() for a, b in pairs)
    expect(moved > 0, "no weight of a tuned block has moved")


@TUNER.promise
def it_sees_a_user_and_the_past_alone(spec: Spec) -> None:
    """Other users, padding and later items change no vector of a causal
    backbone whose blocks are tuned."""
    for text in _BACKBONES:
        model = transfer_model(policy="all", backbone=text, tuner=spec)
        _check_vectors(model, text)
        later = HISTORY[3:4].copy()
        later[0, 4:] = 15
        one, other = (
            model.backbone.encode(rows)[0][:, :4]
            for rows in (HISTORY[3:4], later)
        )
        expect_close(one, other, f"{text}: before later items")


def _check_vectors(model: TransferModel, text: str) -> None:
    """Neither other users nor padding change a user vector."""
    together = model.user_vector(HISTORY)
    padded = model.user_vector(np.pad(HISTORY, [[0, 0], [9, 0]]))
    expect_close(together, padded, f"{text}: with more padding")
    expect_alone(
        lambda rows: model.user_vector(HISTORY[rows]),
        len(HISTORY),
        f"{text}: a user",
    )


@TUNER.promise
def eager_and_compiled_agree(spec: Spec) -> None:
    """A tuned block computes the same eagerly, in a graph and by XLA."""
    for block in _blocks():
        tuned = _tuned(spec, block)
        expect_compiled(
            lambda hidden, mask, tuned=tuned: tuned(hidden, mask=mask),
            _HIDDEN,
            _MASK,
        )


@TUNER.promise
def the_same_seed_gives_the_same_numbers(spec: Spec) -> None:
    """Two trainings with one seed end with equal losses."""
    expect_same_training(tuner=spec)


@TUNER.promise
def a_checkpoint_brings_it_back(spec: Spec) -> None:
    """A checkpoint of a trained model makes another one answer alike."""
    for policy in ("all", "gumbel"):
        expect_checkpoint(policy=policy, tuner=spec)


@TUNER.promise
def an_export_answers_the_same(spec: Spec) -> None:
    """What an export answers is what the model answers."""
    expect_export(tuner=spec)
