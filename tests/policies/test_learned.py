"""What each policy decides, and what it learns from."""

import itertools

import numpy as np
import pytest
import tensorflow as tf
from scipy import stats

import tfxdr.policies
from tfxdr.errors import InputError
from tfxdr.ops.gumbel import sample_gumbel
from tfxdr.policies.rl_scst import log_prob, reward
from tfxdr.registry import policies
from tfxdr.types import Context

ZERO = tf.constant(0)
HISTORY = tf.constant(
    np.random.default_rng(0).integers(2, 900, (512, 5)), tf.int32
)


def context(history=HISTORY, seed=(1, 2), epoch=0):
    return Context(history, tf.constant(seed), ZERO, tf.constant(epoch))


def logits(num_users=512, num_blocks=4, seed=(5, 5)):
    return tf.random.stateless_normal([num_users, num_blocks, 2], seed)


class TestGumbel:
    def test_training_draws_with_the_policys_probabilities(self):
        given = tf.tile(tf.constant([[[0.0, 1.0], [2.0, 0.0]]]), [20_000, 1, 1])
        policy = policies.build("gumbel")
        drawn = policy.call(given, context(), True).numpy()
        for block, margin in enumerate((-1.0, 2.0)):
            prob = 1 / (1 + np.exp(-margin))
            tuned = drawn[:, block].sum()
            count = [tuned, 20_000 - tuned]
            expected = [20_000 * prob, 20_000 * (1 - prob)]
            assert stats.chisquare(count, expected).pvalue > 0.01

    def test_inference_takes_the_more_probable(self):
        given = tf.constant([[[0.0, 1.0], [2.0, 0.0], [1.0, 1.0]]])
        drawn = policies.build("gumbel").call(given, context(), False)
        np.testing.assert_array_equal(drawn, [[0, 1, 1]])

    @pytest.mark.parametrize("squash", [False, True])
    def test_the_gradient_is_that_of_the_relaxation(self, squash):
        text = f"gumbel(temperature=3,squash_logits={str(squash).lower()})"
        given, policy = logits(16), policies.build(text)
        noise = sample_gumbel(tf.shape(given), context().seed)
        with tf.GradientTape(persistent=True) as tape:
            tape.watch(given)
            actions = policy.call(given, context(), True)
            pi = tf.sigmoid(given) if squash else given
            relaxed = tf.nn.softmax((tf.nn.log_softmax(pi) + noise) / 3.0)
            relaxed = relaxed[..., 0]
        np.testing.assert_allclose(
            tape.gradient(actions, given),
            tape.gradient(relaxed, given),
            atol=1e-7,
        )

    def test_squashed_logits_bound_the_probabilities(self):
        given = tf.tile(tf.constant([[[50.0, -50.0]]]), [20_000, 1, 1])
        policy = policies.build("gumbel(squash_logits=true)")
        tuned = policy.call(given, context(), True).numpy().sum()
        prob = 1 / (1 + np.exp(-1.0))  # sigmoid(1): 0.73
        expected = [20_000 * prob, 20_000 * (1 - prob)]
        assert stats.chisquare([tuned, 20_000 - tuned], expected).pvalue > 0.01

    @pytest.mark.parametrize("temperature", [0, -1.0])
    def test_temperature_has_to_be_positive(self, temperature):
        with pytest.raises(InputError, match="temperature should be above 0"):
            policies.build(f"gumbel(temperature={temperature})")

    def test_noisy_inference_draws_with_the_policys_probabilities(self):
        history = tf.range(2, 20_002)[:, tf.newaxis]
        given = tf.tile(tf.constant([[[0.0, 1.0], [2.0, 0.0]]]), [20_000, 1, 1])
        policy = policies.build("gumbel(noisy=true)")
        drawn = policy.call(given, context(history), False).numpy()
        for block, margin in enumerate((-1.0, 2.0)):
            prob = 1 / (1 + np.exp(-margin))
            tuned = drawn[:, block].sum()
            count = [tuned, 20_000 - tuned]
            expected = [20_000 * prob, 20_000 * (1 - prob)]
            assert stats.chisquare(count, expected).pvalue > 0.01
        again = policy.call(given, context(history, seed=(7, 7)), False)
        np.testing.assert_array_equal(drawn, again)


class TestSoft:
    def test_it_is_the_sigmoid_of_the_logit_of_tuning(self):
        given = tf.constant([[[0.0, 9.0], [np.log(3.0), -9.0]]], tf.float32)
        actions = policies.build("soft").call(given, context(), True)
        np.testing.assert_allclose(actions, [[0.5, 0.75]], atol=1e-6)


class TestRandom:
    def test_half_of_the_blocks_run_tuned_and_users_differ(self):
        policy = policies.build("random")
        actions = policy.call(logits(), context(), False).numpy()
        assert abs(actions.mean() - 0.5) < 0.05
        assert len(np.unique(actions, axis=0)) == 16

    def test_training_and_inference_agree(self):
        policy = policies.build("random")
        np.testing.assert_array_equal(
            policy.call(logits(), context(seed=(1, 2)), True),
            policy.call(logits(), context(seed=(8, 9)), False),
        )

    def test_another_seed_decides_otherwise(self):
        first, second = (
            policies.parse("random").build(run_seed=seed) for seed in (0, 1)
        )
        agree = np.mean(
            first.call(logits(), context(), False).numpy()
            == second.call(logits(), context(), False).numpy()
        )
        assert abs(agree - 0.5) < 0.05

    def test_fresh_coins_are_others_in_every_step(self):
        policy = policies.build("random(fresh=true)")
        training = [
            policy.call(logits(), context(seed=(1, step)), True).numpy()
            for step in range(2)
        ]
        served = [
            policy.call(logits(), context(seed=(1, step)), False).numpy()
            for step in range(2)
        ]
        np.testing.assert_array_equal(*served)
        for one, other in (training, (training[0], served[0])):
            assert abs(np.mean(one == other) - 0.5) < 0.05
        assert abs(training[0].mean() - 0.5) < 0.05


class TestSelfCritical:
    def test_rewards_by_hand(self):
        actions = tf.constant([[1.0, 1, 1, 1], [1, 0, 1, 0], [0, 0, 0, 0]])
        correct = tf.constant([[True, False], [True, False], [True, False]])
        np.testing.assert_allclose(
            reward(correct, actions, 0.5),
            [[0.0, -0.5], [0.75, -0.5], [1.0, -0.5]],
        )

    def test_log_prob_by_hand(self):
        given = tf.constant([[[np.log(3.0), 0.0], [0.0, 0.0]]], tf.float32)
        for actions, prob in [([1, 0], 0.375), ([0, 1], 0.125)]:
            value = log_prob(given, tf.constant([actions], tf.float32))
            np.testing.assert_allclose(np.exp(value), [prob], rtol=1e-5)

    def test_expected_gradient_is_that_of_the_expected_reward(self):
        """Against an enumeration of all actions of three blocks.

        With a baseline that does not depend on the sample, the expectation of
        Eq. 12's gradient is that of `-E[R]`; the rank is a made-up function
        of the actions, so that some patterns are right and some wrong.
        """
        policy = policies.build("rl-scst(gamma=0.7,policy_start_epoch=0)")
        patterns = np.array(list(itertools.product([0, 1], repeat=3)), "f4")
        ranks = np.array([3, 9, 1, 6, 7, 2, 8, 5])
        assert set(ranks <= 5) == {True, False}
        table = tf.constant(ranks, tf.int32)

        def rollout(actions):
            index = tf.cast(actions @ [[4.0], [2.0], [1.0]], tf.int32)
            return tf.gather(table, index)

        rollout.top_k = 5
        given = tf.constant([[[0.3, -0.2], [-0.5, 0.4], [0.1, 0.6]]])
        with tf.GradientTape() as tape:
            tape.watch(given)
            pi = tf.nn.softmax(given)[0]
            expected = tf.constant(0.0)
            for pattern, rank in zip(patterns, ranks, strict=True):
                prob = tf.reduce_prod(tf.where(pattern > 0, pi[:, 0], pi[:, 1]))
                value = 1 - pattern.mean() ** 2 if rank <= 5 else -0.7
                expected -= prob * value
        exact = tape.gradient(expected, given)

        num_samples = 200_000
        many = tf.tile(given, [num_samples, 1, 1])
        known = context(tf.zeros([num_samples, 1], tf.int32))
        with tf.GradientTape() as tape:
            tape.watch(many)
            actions = policy.call(many, known, True)
            loss = policy.extra_loss(many, actions, rollout, known)
        sampled = tape.gradient(loss, many).numpy()  # each over num_samples
        mean = sampled.sum(axis=0)
        error = sampled.std(axis=0) * np.sqrt(num_samples)
        assert (np.abs(mean - exact[0]) < 4 * error + 1e-6).all()
        assert np.abs(exact).max() > 10 * error.max()

    def test_a_reversed_reward_turns_the_gradient_round(self):
        def gradient(text):
            policy, given = policies.build(text), logits(8)
            with tf.GradientTape() as tape:
                tape.watch(given)
                actions = tf.round(tf.random.stateless_uniform([8, 4], (3, 4)))
                loss = policy.extra_loss(given, actions, rollout, context())
            return tape.gradient(loss, given)

        def rollout(actions):
            tuned = tf.reduce_sum(actions, axis=1, keepdims=True)
            return tf.cast(1 + 2 * tuned, tf.int32)

        rollout.top_k = 5
        climbs = gradient("rl-scst(reversed_reward=false)")
        descends = gradient("rl-scst(reversed_reward=true)")
        assert np.abs(climbs).max() > 0
        np.testing.assert_array_equal(climbs, -descends)

    def test_a_user_weighs_as_many_instances_as_he_has(self):
        policy = policies.build(
            "rl-scst(gamma=1,beta=0.5,policy_start_epoch=0,top_k=2)"
        )
        given = tf.constant([[[-1.0, 1.0]], [[-1.0, 1.0]]])  # greedy: frozen
        actions = tf.constant([[1.0], [1.0]])
        tuned_ranks = tf.constant([[1, 1, 9], [1, 0, 0]])
        frozen_ranks = tf.constant([[9, 1, 1], [1, 0, 0]])

        def rollout(actions):
            return tf.where(actions > 0.5, tuned_ranks, frozen_ranks)

        rollout.top_k = 5
        # Tuned: 0, 0, -1 and 0. Frozen: -1, 1, 1 and 1. Differences sum up to
        # -2 and -1 over four instances; log p(tuned) = log sigmoid(-2).
        known = context(HISTORY[:2])
        loss = policy.extra_loss(given, actions, rollout, known)
        log_p = -np.log1p(np.exp(2.0))
        np.testing.assert_allclose(
            loss, 0.5 * -(log_p * -2 + log_p * -1) / 4, rtol=1e-5
        )

    def test_it_sets_in_at_its_epoch(self):
        policy = policies.build("rl-scst(policy_start_epoch=2)")
        given, actions = logits(8), tf.ones([8, 4])

        def rollout(actions):
            return tf.cast(1 + 9 * actions[:, :1], tf.int32)

        rollout.top_k = 5
        values = [
            float(
                policy.extra_loss(
                    given, actions, rollout, context(HISTORY[:8], epoch=epoch)
                )
            )
            for epoch in range(4)
        ]
        assert values[:2] == [0.0, 0.0]
        assert values[2] == values[3] != 0.0

    def test_it_samples_with_the_policys_probabilities(self):
        given = tf.tile(tf.constant([[[0.0, 1.5]]]), [20_000, 1, 1])
        drawn = policies.build("rl-scst").call(given, context(), True)
        tuned = drawn.numpy().sum()
        prob = 1 / (1 + np.exp(1.5))
        expected = [20_000 * prob, 20_000 * (1 - prob)]
        assert stats.chisquare([tuned, 20_000 - tuned], expected).pvalue > 0.01

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("rl-scst(top_k=100)", "top_k .* every answer"),
            ("rl-scst(top_k=0)", "should be at least 1"),
            ("rl-scst(num_negatives=4)", "at most num_negatives"),
            ("rl-scst(policy_start_epoch=-1)", "counts from 0"),
            ("rl-scst(beta=-1)", "beta should not be below 0"),
        ],
    )
    def test_options_out_of_range(self, text, message):
        with pytest.raises(InputError, match=message):
            policies.build(text)


class TestMultiTask:
    def test_it_is_zero_with_the_source_domains_loss(self):
        policy = policies.build("mtl(weight=0.3)")
        assert policy.static_actions(3) == (1, 1, 1)
        assert not policy.pretrained
        assert policy.source_weight == 0.3

    def test_a_weight_of_zero_is_refused(self):
        with pytest.raises(InputError, match="--policy=zero"):
            policies.build("mtl(weight=0)")


def test_a_policy_has_to_decide_somehow():
    class Undecided(tfxdr.policies.Policy):
        pass

    with pytest.raises(NotImplementedError, match="Undecided should override"):
        Undecided().call(logits(), context(), True)
