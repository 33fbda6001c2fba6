"""What moves in fine-tuning and what does not."""

import numpy as np
import pytest
import tensorflow as tf

import tfxdr.backbones
import tfxdr.policies
import tfxdr.tuners  # noqa: F401
from tfxdr.backbones.base import Backbone
from tfxdr.backbones.nextitnet import NextItNet
from tfxdr.layers.causal_convolution import CausalConvolutionBlock
from tfxdr.layers.pooling import pool
from tfxdr.losses.sampled import BayesianPersonalizedRanking
from tfxdr.models.towers import tune_blocks
from tfxdr.registry import (
    backbones,
    optimizers,
    policies,
    policy_networks,
    tuners,
)
from tfxdr.training.assembly import Parts, build_model
from tfxdr.training.parameters import OptimizerSettings, ParameterGroups
from tfxdr.types import Batch

BACKBONE = "nextitnet(channels=8,dilations=[1,2,4,8,1,2])"
TWO_TOWERS = ["random", "gumbel", "rl-scst(policy_start_epoch=0)", "soft"]


def make(policy, *, backbone=BACKBONE, tuner="copy", seed=1, **options):
    parts = Parts(
        backbones.parse(backbone),
        policies.build(policy),
        policy_networks.parse("nextitnet"),
        tuners.build(tuner),
        BayesianPersonalizedRanking(),
    )
    options = {
        "pooling": "last",
        "network_options": {"pooling": "mean"},
        "train_embeddings": "auto",
    } | options
    return build_model(
        parts,
        num_source_items=12,
        num_target_items=9,
        top_k=5,
        pretrained=None,
        seed=seed,
        **options,
    )


BATCH = Batch(
    history=tf.constant([[0, 3, 4], [5, 6, 7]]),
    positives=tf.constant([[2, 3, 4], [5, 0, 0]]),
    negatives=tf.constant([[[5], [6], [7]], [[2], [3], [4]]]),
    candidates=tf.constant([[5, 8, 6, 7, 8, 6], [2, 3, 6, 4, 2, 2]]),
    seed=tf.constant([0, 0]),
    step=tf.constant(0),
    epoch=tf.constant(0),
)


def train(model, steps=3):
    parameters = ParameterGroups(
        OptimizerSettings(
            optimizers.parse("adam"), 0.01, weight_decay=0.1, clip_norm=1.0
        ),
        pretrained=[],
        new=model.trainable_variables,
        total_steps=steps,
    )

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
    backbone(tf.zeros([1, 1], tf.int32))
    copy = tuners.build("copy")
    tune_blocks(backbone, actions, copy, train_embeddings=False)
    assert len(norm.trainable_variables) == tuned
    names = {id(v) for v in backbone.trainable_variables}
    assert {id(v) for v in norm.trainable_variables} <= names


def test_train_embeddings_overrules_the_policy():
    model = make("cls", train_embeddings="true")
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


@pytest.mark.parametrize("pooling", ["last", "mean"])
def test_an_empty_history_has_one_answer(pooling):
    model = make("all", pooling=pooling)
    one = model(tf.zeros([1, 1], tf.int32))
    many = model(tf.zeros([1, 30], tf.int32))
    assert np.isfinite(one).all()
    np.testing.assert_allclose(one, many, atol=1e-6)


def test_one_action_for_each_block():
    with pytest.raises(ValueError, match="each of the 3 blocks"):
        tune_blocks(
            NextItNet(12, channels=8, dilations=(1, 2, 4, 8, 1, 2)),
            (1, 0),
            tuners.build("copy"),
            train_embeddings=True,
        )


@pytest.mark.parametrize("tuner", ["copy", "adapter-serial"])
@pytest.mark.parametrize("policy", TWO_TOWERS)
def test_the_frozen_tower_keeps_every_bit(policy, tuner):
    model = make(policy, tuner=tuner)
    blocks = model.backbone.blocks
    frozen = [block.frozen.get_weights() for block in blocks]
    tuned = [block.tuned.get_weights() for block in blocks]
    embedding = model.backbone.embedding.get_weights()[0]
    train(model)
    for block, old in zip(blocks, frozen, strict=True):
        for before, after in zip(old, block.frozen.get_weights(), strict=True):
            np.testing.assert_array_equal(before, after)
    moved = [
        any(
            not np.array_equal(before, after)
            for before, after in zip(
                old, block.tuned.get_weights(), strict=True
            )
        )
        for block, old in zip(blocks, tuned, strict=True)
    ]
    assert all(moved)
    after = model.backbone.embedding.get_weights()[0]
    assert np.array_equal(embedding, after) == (tuner != "copy")


@pytest.mark.parametrize(
    "backbone",
    [
        BACKBONE,
        "sasrec(channels=8,num_blocks=2)",
        "gru4rec(channels=8,num_blocks=2)",
        "hstu(channels=8,num_blocks=2)",
        "bert4rec(channels=8,num_blocks=2)",
    ],
)
@pytest.mark.parametrize(
    "tuner", ["copy", "adapter-serial", "adapter-parallel"]
)
class TestEveryBackboneAndTuner:
    @pytest.mark.parametrize("policy", ["all", "soft"])
    def test_a_step_moves_what_it_should(self, backbone, tuner, policy):
        model = make(policy, backbone=backbone, tuner=tuner)
        before = [v.numpy() for v in model.trainable_variables]
        # In the first step a twin is the frozen block: which one runs, and so
        # the policy, makes no difference yet.
        train(model, steps=2)
        for old, variable in zip(
            before, model.trainable_variables, strict=True
        ):
            assert not np.array_equal(old, variable), variable.name
        scores = model(BATCH.history)
        assert scores.shape == (2, 9)
        assert np.isfinite(scores).all()

    def test_soft_at_zero_and_one_is_a_tower(self, backbone, tuner):
        """With logits so far out that the sigmoid is 0 or 1 exactly."""
        model = make("soft", backbone=backbone, tuner=tuner)
        train(model, steps=1)
        history = BATCH.history
        for logit, tower in ((-200.0, "frozen"), (200.0, "tuned")):
            kernel, bias = model.policy_network.projection.get_weights()
            model.policy_network.projection.set_weights(
                [0 * kernel, 0 * bias + logit]
            )
            routed = model.user_vector(history)
            blocks = model.backbone.blocks
            model.backbone.blocks = [getattr(b, tower) for b in blocks]
            hidden, mask = model.backbone.encode(history, last_alone=True)
            model.backbone.blocks = blocks
            np.testing.assert_array_equal(routed, pool(hidden, mask, "last"))


def test_a_static_policy_has_one_tower_and_no_policy_network():
    model = make("all")
    assert not model.is_routed
    assert model.policy_network is None
    np.testing.assert_array_equal(model.actions(BATCH.history), [[1] * 3] * 2)


def test_random_needs_no_policy_network():
    model = make("random")
    assert model.is_routed
    assert model.policy_network is None
    actions = model.actions(BATCH.history)
    assert actions.shape == (2, 3)
    train(model)
    np.testing.assert_array_equal(actions, model.actions(BATCH.history))


def test_the_policy_network_starts_from_the_backbones_embedding():
    model = make("gumbel")
    own = model.policy_network.encoder.embedding
    np.testing.assert_array_equal(
        own.get_weights()[0], model.backbone.embedding.get_weights()[0]
    )
    train(model)
    assert not np.array_equal(
        own.get_weights()[0], model.backbone.embedding.get_weights()[0]
    )


def test_adapters_are_new_and_all_else_in_the_backbone_is_pretrained():
    model = make("gumbel", tuner="adapter-serial")
    slow = {v.ref() for v in model.pretrained_variables}
    adapters = {
        v.ref()
        for block in model.backbone.blocks
        for adapter in block.tuned.adapters
        for v in adapter.variables
    }
    assert not slow & adapters
    assert slow | adapters == {
        v.ref() for v in model.backbone.trainable_variables
    }


def test_the_rollout_ranks_by_hand():
    """Item i scores i for all users: ranks follow from the ids."""
    seen = {}

    class Watching(tfxdr.policies.Policy):
        has_network, num_candidates = False, 4

        def call(self, logits, context, training):
            return tf.zeros(tf.shape(logits)[:2])

        def extra_loss(self, logits, actions, rollout, context):
            seen["own"] = rollout(actions)
            seen["other"] = rollout(1.0 - actions)
            seen["top_k"] = rollout.top_k
            return 7.0

    model = make("soft")
    model.policy, model.policy_network = Watching(), None
    kernel, bias = model.head.get_weights()
    model.head.set_weights([0 * kernel, np.arange(9.0)])
    loss, _ = model.batch_loss(BATCH)
    # Candidates 5, 6, 7, 8 and 2, 3, 4, 6: one that was drawn twice competes
    # once.
    expected = [[5, 5, 5], [2, 0, 0]]
    np.testing.assert_array_equal(seen["own"], expected)
    np.testing.assert_array_equal(seen["other"], expected)
    assert seen["top_k"] == 5
    model.policy.extra_loss = lambda *_: 0.0
    np.testing.assert_allclose(
        loss - 7.0, model.batch_loss(BATCH)[0], atol=1e-5
    )


def test_a_rollout_gives_no_gradient_to_the_towers():
    class OnlyReward(tfxdr.policies.Policy):
        has_network, num_candidates = False, 4

        def call(self, logits, context, training):
            return tf.zeros(tf.shape(logits)[:2])

        def extra_loss(self, logits, actions, rollout, context):
            return tf.reduce_sum(tf.cast(rollout(1.0 - actions), tf.float32))

    model = make("soft")
    model.policy, model.policy_network = OnlyReward(), None
    model.instance_loss = lambda user, head, batch: tf.zeros([2, 3])
    with tf.GradientTape() as tape:
        loss, _ = model.batch_loss(BATCH)
    gradients = tape.gradient(loss, model.trainable_variables)
    assert all(gradient is None for gradient in gradients)
    assert float(loss) > 0


def test_actions_of_the_wrong_shape_are_refused():
    class Wrong(tfxdr.policies.Policy):
        def call(self, logits, context, training):
            return tf.zeros(tf.shape(logits)[:1])

    model = make("soft")
    model.policy = Wrong()
    with pytest.raises(
        ValueError, match=r"Wrong.call should return actions \[batch, 3\]"
    ):
        model(BATCH.history)


def test_mtl_adds_the_next_source_items_loss():
    model = make("mtl(weight=0.25)")
    total, count = model.batch_loss(BATCH)
    source, _ = model.source.batch_loss(BATCH)
    model.source = None
    target, same = model.batch_loss(BATCH)
    assert float(count) == float(same) == 4
    np.testing.assert_allclose(total, target + 0.25 * source, rtol=1e-6)


def test_mtl_trains_one_backbone_and_both_heads():
    model = make("mtl")
    assert model.source.backbone is model.backbone
    names = {v.ref() for v in model.trainable_variables}
    assert {v.ref() for v in model.source.head.variables} <= names
    before = [v.numpy() for v in model.trainable_variables]
    train(model, steps=1)
    for old, new in zip(before, model.trainable_variables, strict=True):
        assert not np.array_equal(old, new)


def test_a_step_repeats_itself():
    results = []
    for _ in range(2):
        model = make("gumbel", backbone="sasrec(channels=8,num_blocks=2)")
        train(model, steps=2)
        results.append(model(BATCH.history).numpy())
    np.testing.assert_array_equal(*results)


@pytest.mark.parametrize("backbone", ["nextitnet(channels=8)", "gru4rec"])
def test_mtl_with_histories_of_one_item(backbone):
    model = make("mtl", backbone=backbone)
    one = BATCH._replace(history=tf.constant([[3], [0]]))
    loss, _ = tf.function(model.batch_loss)(one)
    assert np.isfinite(loss)
