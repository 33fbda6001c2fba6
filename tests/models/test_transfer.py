"""What moves in fine-tuning and what does not."""

import numpy as np
import pytest
import tensorflow as tf

import tfxdr.policies  # noqa: F401
from tfxdr.backbones.base import Backbone
from tfxdr.backbones.nextitnet import NextItNet
from tfxdr.layers.causal_convolution import CausalConvolutionBlock
from tfxdr.layers.pooling import pool
from tfxdr.models.transfer import TransferModel
from tfxdr.ops.losses import BayesianPersonalizedRanking
from tfxdr.registry import optimizers, policies
from tfxdr.training.optimizers import OptimizerSettings, ParameterGroups
from tfxdr.types import Batch


def make(policy, **options):
    tf.keras.utils.set_random_seed(1)
    policy = policies.build(policy)
    backbone = NextItNet(12, channels=8, dilations=(1, 2, 4, 8, 1, 2))
    model = TransferModel(
        backbone,
        9,
        loss=BayesianPersonalizedRanking(),
        actions=policy.static_actions(3),
        **{"train_embeddings": policy.train_embeddings} | options,
    )
    model(tf.zeros([1, 1], tf.int32))
    return model


BATCH = Batch(
    history=tf.constant([[0, 3, 4], [5, 6, 7]]),
    positives=tf.constant([[2, 3, 4], [5, 0, 0]]),
    negatives=tf.constant([[[5], [6], [7]], [[2], [3], [4]]]),
    seed=tf.constant([0, 0]),
)


def train(model, steps=3):
    parameters = ParameterGroups(
        OptimizerSettings(
            optimizers.parse("adam"), 0.01, weight_decay=0.1, clip_norm=1.0
        ),
        pretrained=model.backbone.trainable_variables,
        new=model.head.trainable_variables,
        total_steps=steps,
    )

    @tf.function
    def step():
        with tf.GradientTape() as tape:
            loss, _ = model.batch_loss(BATCH)
        variables = parameters.variables_to_train
        parameters.apply(tape.gradient(loss, variables))

    for _ in range(steps):
        step()


@pytest.mark.parametrize(
    ("policy", "embedding", "blocks"),
    [
        ("zero", True, [True, True, True]),
        ("cls", False, [False, False, False]),
        ("last-1", False, [False, False, True]),
        ("last-2", False, [False, True, True]),
        ("all", True, [True, True, True]),
    ],
)
def test_frozen_weights_keep_every_bit(policy, embedding, blocks):
    model = make(policy)
    parts = [model.backbone.embedding, *model.backbone.blocks, model.head]
    before = [part.get_weights() for part in parts]
    train(model)
    tuned = [embedding, *blocks, True]
    for part, old, moves in zip(parts, before, tuned, strict=True):
        same = [
            np.array_equal(a, b)
            for a, b in zip(old, part.get_weights(), strict=True)
        ]
        assert not any(same) if moves else all(same), part.name


@pytest.mark.parametrize(("actions", "tuned"), [((0,), 0), ((1,), 2)])
def test_the_read_out_follows_the_top_block(actions, tuned):
    norm = tf.keras.layers.LayerNormalization()

    class WithNorm(Backbone):
        def read_out(self, hidden, mask):
            return norm(hidden)

    block = CausalConvolutionBlock(4)
    backbone = WithNorm(
        tf.keras.layers.Embedding(9, 4), [block], output_layers=[norm]
    )
    model = TransferModel(
        backbone,
        9,
        loss=BayesianPersonalizedRanking(),
        actions=actions,
        train_embeddings=False,
    )
    model(tf.zeros([1, 1], tf.int32))
    assert len(norm.trainable_variables) == tuned
    names = {id(v) for v in backbone.trainable_variables}
    assert {id(v) for v in norm.trainable_variables} <= names


def test_train_embeddings_overrules_the_policy():
    model = make("cls", train_embeddings=True)
    before = model.backbone.embedding.get_weights()[0]
    train(model)
    after = model.backbone.embedding.get_weights()[0]
    moved = np.flatnonzero(np.abs(after - before).max(axis=1) > 1e-4)
    assert set(moved) >= {3, 4, 5, 6, 7}


def test_padding_of_targets_costs_nothing():
    model = make("all")
    loss, count = model.batch_loss(BATCH)
    user = model.user_vector(BATCH.history)
    values = BayesianPersonalizedRanking()(user, model.head, BATCH)
    real = [values[0, 0], values[0, 1], values[0, 2], values[1, 0]]
    assert float(count) == 4
    np.testing.assert_allclose(loss, np.mean(real), rtol=1e-6)


def test_scores_of_chosen_items_are_their_logits():
    model = make("all")
    user = model.user_vector(BATCH.history)
    logits = model(BATCH.history)
    scores = model.head.score(user, BATCH.negatives)
    expected = tf.gather(logits, BATCH.negatives, batch_dims=1)
    np.testing.assert_allclose(scores, expected, atol=1e-6)


def test_pooling_by_hand():
    hidden = tf.constant([[[9.0], [2.0], [4.0]], [[9.0], [9.0], [9.0]]])
    history = tf.constant([[0, 5, 6], [0, 0, 0]])
    np.testing.assert_array_equal(pool(hidden, history, "last"), [[4], [9]])
    np.testing.assert_array_equal(pool(hidden, history, "mean"), [[3], [0]])
    with pytest.raises(ValueError, match="'last' or 'mean'.*'max'"):
        pool(hidden, history, "max")


@pytest.mark.parametrize("pooling", ["last", "mean"])
def test_an_empty_history_has_one_answer(pooling):
    model = make("all", pooling=pooling)
    one = model(tf.zeros([1, 1], tf.int32))
    many = model(tf.zeros([1, 30], tf.int32))
    assert np.isfinite(one).all()
    np.testing.assert_allclose(one, many, atol=1e-6)


def test_one_action_for_each_block():
    with pytest.raises(ValueError, match="each of the 3 blocks"):
        TransferModel(
            NextItNet(12, channels=8, dilations=(1, 2, 4, 8, 1, 2)),
            9,
            loss=BayesianPersonalizedRanking(),
            actions=(1, 0),
            train_embeddings=True,
        )
