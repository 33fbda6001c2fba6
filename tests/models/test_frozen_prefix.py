"""What is frozen for all users is computed once, and changes nothing."""

import numpy as np
import pytest
import tensorflow as tf

import tfxdr.backbones
import tfxdr.losses  # noqa: F401
import tfxdr.policies  # noqa: F401
from tfxdr.data.batches import FinetuneBatches
from tfxdr.data.users import user_rows
from tfxdr.models import frozen_prefix
from tfxdr.models.frozen_prefix import frozen_blocks, remembered
from tfxdr.models.towers import tune_blocks
from tfxdr.models.transfer import TransferModel
from tfxdr.ops.ragged import Ragged
from tfxdr.registry import backbones, losses, policies
from tfxdr.tuners.copy import Copy

ITEMS, USERS = 30, 12
LENGTHS = np.array([9, 0, 1, 7, 12, 3, 5, 2, 8, 30, 4, 6])
HISTORY = Ragged.from_lengths(
    np.random.default_rng(0).integers(2, ITEMS, LENGTHS.sum(), np.int32),
    LENGTHS,
)
SETTLED = (
    "nextitnet(channels=8,dilations=[1,2,1,2])",
    "gru4rec(channels=8,num_blocks=2,dropout=0.0)",
    "sasrec(channels=8,num_blocks=2,dropout=0.0)",
    "bert4rec(channels=8,num_blocks=2,dropout=0.0)",
    "hstu(channels=8,num_blocks=2,num_heads=1,dropout=0.0)",
)


def made(backbone, policy, pooling="last", embeddings=False):
    tf.keras.utils.set_random_seed(3)
    built = backbones.parse(backbone).build(num_items=ITEMS)
    built(tf.zeros([1, 1], tf.int32))
    policy = policies.parse(policy).build()
    tune_blocks(
        built,
        policy.static_actions(len(built.blocks)),
        Copy(),
        train_embeddings=embeddings,
    )
    model = TransferModel(
        built,
        ITEMS,
        loss=losses.build("bpr"),
        policy=policy,
        pooling=pooling,
    )
    model(tf.zeros([1, 1], tf.int32))
    return model


def batches(history):
    positives = Ragged.from_lengths(
        np.arange(2, 2 + USERS, dtype=np.int32), np.ones(USERS, np.int64)
    )
    return FinetuneBatches(
        history,
        positives,
        num_items=ITEMS,
        batch_size=5,
        targets_per_user=4,
        num_negatives=2,
        seed=1,
    )


CASES = [
    *((name, "cls", "last") for name in SETTLED),
    *((name, "last-1", "last") for name in SETTLED),
    (SETTLED[0], "last-1", "mean"),
    (SETTLED[3], "cls", "mean"),
]


@pytest.mark.parametrize(("backbone", "policy", "pooling"), CASES)
def test_losses_gradients_and_scores_are_the_same(backbone, policy, pooling):
    model = made(backbone, policy, pooling)
    fast = remembered(model, HISTORY, np.arange(USERS), batch_size=5)
    rows = user_rows(USERS)
    variables = model.trainable_variables
    for whole, short in zip(
        batches(HISTORY).epoch(0), batches(rows).epoch(0), strict=True
    ):
        with tf.GradientTape(persistent=True) as tape:
            expected, count = model.batch_loss(whole)
            loss, same = fast.batch_loss(short)
        assert float(count) == float(same)
        np.testing.assert_allclose(loss, expected, rtol=1e-5)
        for one, other in zip(
            tape.gradient(expected, variables),
            tape.gradient(loss, variables),
            strict=True,
        ):
            np.testing.assert_allclose(
                tf.convert_to_tensor(other),
                tf.convert_to_tensor(one),
                rtol=1e-4,
                atol=1e-6,
            )
    np.testing.assert_allclose(
        fast(tf.constant(rows.pad_left())),
        model(tf.constant(HISTORY.pad_left())),
        rtol=1e-4,
        atol=1e-5,
    )


def test_blocks_from_the_bottom_count():
    name = "nextitnet(channels=8,dilations=[1,2,1,2])"
    assert frozen_blocks(made(name, "cls")) == 2
    assert frozen_blocks(made(name, "last-1")) == 1
    assert frozen_blocks(made(name, "all")) == 0
    assert frozen_blocks(made(name, "cls", embeddings=True)) == 0


def test_what_dropout_changes_is_computed_at_each_step():
    model = made("sasrec(channels=8,num_blocks=2,dropout=0.5)", "cls")
    assert frozen_blocks(model) == 2
    assert remembered(model, HISTORY, np.arange(USERS), 5) is None


def test_states_without_room_are_computed_at_each_step(monkeypatch):
    model = made(SETTLED[0], "cls")
    monkeypatch.setattr(frozen_prefix, "_ROOM", USERS * 8 * 4)
    assert remembered(model, HISTORY, np.arange(USERS), 5) is not None
    monkeypatch.setattr(frozen_prefix, "_ROOM", USERS * 8 * 4 - 1)
    assert remembered(model, HISTORY, np.arange(USERS), 5) is None
