"""Towers and head that start anew once a policy has learned."""

import types

import numpy as np
import pytest
import tensorflow as tf

from tfxdr.experiments.contender import TrainedContender
from tfxdr.experiments.transfer_contender import TransferContender
from tfxdr.losses.sampled import BayesianPersonalizedRanking
from tfxdr.registry import backbones, policies, policy_networks, tuners
from tfxdr.training.assembly import Parts, build_model
from tfxdr.training.finetuning import FinetuneStage, RetrainStage
from tfxdr.types import Batch

BATCH = Batch(
    history=tf.constant([[0, 3, 4], [5, 6, 7]]),
    positives=tf.constant([[2, 3, 4], [5, 0, 0]]),
    negatives=tf.constant([[[5], [6], [7]], [[2], [3], [4]]]),
    candidates=tf.zeros([2, 0], tf.int32),
    seed=tf.constant([0, 0]),
    step=tf.constant(0),
    epoch=tf.constant(0),
)


def make(policy="gumbel"):
    return build_model(
        Parts(
            backbones.parse("nextitnet(channels=8,dilations=[1,2,4,8])"),
            policies.build(policy),
            policy_networks.parse("nextitnet"),
            tuners.build("copy"),
            BayesianPersonalizedRanking(),
        ),
        num_source_items=12,
        num_target_items=9,
        pooling="last",
        train_embeddings="auto",
        top_k=5,
        pretrained=None,
        seed=1,
    )


def test_all_but_the_policy_starts_anew():
    model = make()
    searched = FinetuneStage(model, None, None, pretrained=False)
    first = searched.weights_beside_policy()
    before = {v.ref(): v.numpy() for v in model.variables}
    for variable in model.trainable_variables:
        variable.assign_add(tf.ones_like(variable))
    again = RetrainStage(searched, first, epochs=7)
    own = {v.ref() for v in model.policy_variables}
    for variable in model.trainable_variables:
        added = 1.0 if variable.ref() in own else 0.0
        np.testing.assert_allclose(
            variable, before[variable.ref()] + added, rtol=1e-6
        )
    assert own and not again.parameters.policy
    moved = {v.ref() for v in again.parameters.all}
    assert moved == {v.ref() for v in model.trainable_variables} - own
    assert (again.name, again.checkpoints) == ("retrain", "retrain-after-7")


@pytest.mark.parametrize("policy", ["gumbel", "rl-scst", "soft"])
def test_a_policy_does_not_move_by_what_it_decided(policy):
    model = make(policy)
    with tf.GradientTape() as tape:
        loss, count = model.decided_loss(BATCH)
    moved = tape.gradient(loss, model.trainable_variables)
    own = {variable.ref() for variable in model.policy_variables}
    assert own
    for variable, gradient in zip(
        model.trainable_variables, moved, strict=True
    ):
        if variable.ref() in own:
            assert gradient is None, variable.name
    # The loss of inference's actions: nothing here has dropout.
    user = model.user_vector(BATCH.history)
    values = model.instance_loss(user, model.head, BATCH)
    real = tf.cast(BATCH.positives != 0, tf.float32)
    assert float(count) == 4
    wanted = tf.reduce_sum(values * real) / 4
    np.testing.assert_allclose(loss, wanted, rtol=1e-6)


@pytest.mark.parametrize("policy", ["gumbel", "rl-scst", "soft"])
def test_what_was_decided_runs_each_block_once_and_learns_the_same(policy):
    def step(model):
        with tf.GradientTape() as tape:
            loss, _ = model.decided_loss(BATCH)
        return loss, tape.gradient(loss, model.trainable_variables)

    plain, model = make(policy), make(policy)
    for one in (plain, model):  # the two users differ in what they get
        one.actions = lambda history: tf.constant([[1.0, 0.0], [0.0, 1.0]])
    searched = FinetuneStage(model, None, None, pretrained=False)
    RetrainStage(searched, searched.weights_beside_policy(), epochs=1)
    blocks = model.backbone.blocks
    assert [block.hard_in_training for block in blocks] == [
        policy != "soft"
    ] * 2
    (wanted, steps), (loss, mine) = step(plain), step(model)
    np.testing.assert_allclose(loss, wanted, rtol=1e-6)
    for one, other in zip(mine, steps, strict=True):
        assert (one is None) == (other is None)
        if one is not None:
            np.testing.assert_allclose(
                tf.convert_to_tensor(one),
                tf.convert_to_tensor(other),
                rtol=1e-5,
                atol=1e-7,
            )


@pytest.mark.parametrize(
    ("monitor", "before", "after", "kept"),
    [
        ("hr@5", 0.4, 0.5, 2.0),
        ("hr@5", 0.5, 0.46, 2.0),  # a standard error is 0.05
        ("hr@5", 0.5, 0.44, 1.0),
        ("loss", 0.5, 0.3, 2.0),
    ],
)
def test_what_is_clearly_worse_goes(
    tmp_path, monkeypatch, monitor, before, after, kept
):
    said = []
    contender = object.__new__(TransferContender)
    contender.folder = types.SimpleNamespace(path=tmp_path)
    contender.experiment = types.SimpleNamespace(
        monitor=monitor,
        progress=types.SimpleNamespace(say=said.append),
        users=types.SimpleNamespace(
            targets=lambda split: types.SimpleNamespace(values=[0] * 100)
        ),
        options=types.SimpleNamespace(
            model=types.SimpleNamespace(policy_retrain=True)
        ),
    )

    def fit(self, stage):
        added, value = {"finetune": (1, before), "retrain": (2, after)}[
            stage.name
        ]
        for variable in stage.parameters.all:
            variable.assign_add(tf.fill(variable.shape, float(added)))
        return {monitor: value, "epochs": 3.0, "seconds": 10.0 * added}

    monkeypatch.setattr(TrainedContender, "fit", fit)
    model = make()
    own = {variable.ref() for variable in model.policy_variables}
    first = {v.ref(): v.numpy() for v in model.trainable_variables}
    stage = FinetuneStage(model, None, None, pretrained=False)
    kept_stage, told = contender.train_stage(stage)
    assert kept_stage is stage
    assert told[monitor] == (after if kept == 2 else before)
    assert told["seconds"] == 30  # of both
    assert bool(said) == (kept == 1)
    for variable in model.trainable_variables:
        added = 1.0 if variable.ref() in own else kept
        np.testing.assert_allclose(
            variable, first[variable.ref()] + added, rtol=1e-5
        )
