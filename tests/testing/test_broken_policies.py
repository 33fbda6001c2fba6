"""A policy or baseline that breaks a promise is found out, with a sentence."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

import tfxdr
from tfxdr import registry, testing
from tfxdr.ops.gumbel import straight_through


class Tossed(tfxdr.Policy):
    """A sound policy without a network; a test breaks it."""

    has_network = False

    def call(self, logits, context, training):
        del training
        return self.decide(logits, context)

    def decide(self, logits, context):
        seen = tf.math.count_nonzero(context.history, axis=1) > 2
        return tf.repeat(
            tf.cast(seen, tf.float32)[:, tf.newaxis], logits.shape[1], axis=1
        )


class Half(Tossed):
    is_hard = True

    def decide(self, logits, context):
        return 0.5 * super().decide(logits, context)


class Followed(tfxdr.Policy):
    is_hard_in_training = True

    def call(self, logits, context, training):
        soft = tf.sigmoid(logits[..., 0])
        return straight_through(tf.round(soft), soft)


class OneBlock(Tossed):
    def decide(self, logits, context):
        return super().decide(logits, context)[:, :1]


class Large(Tossed):
    def decide(self, logits, context):
        return 2 * super().decide(logits, context)


class Seeded(Tossed):
    def decide(self, logits, context):
        return tf.random.stateless_uniform(tf.shape(logits)[:2], context.seed)


class Unseeded(Tossed):
    def call(self, logits, context, training):
        if not training:
            return super().call(logits, context, training)
        return tf.random.uniform(tf.shape(logits)[:2])


class Batched(Tossed):
    def decide(self, logits, context):
        actions = super().decide(logits, context)
        return tf.zeros_like(actions) + tf.reduce_mean(actions)


class Padded(Tossed):
    def decide(self, logits, context):
        actions = super().decide(logits, context)
        return actions / tf.cast(tf.shape(context.history)[1], tf.float32)


class Unread(Tossed):
    has_network = True


class Idle(Tossed):
    """Has a variable that decides nothing."""

    def __init__(self):
        self.slope = tf.Variable(1.0)


class Endless(Tossed):
    def extra_loss(self, logits, actions, rollout, context):
        return tf.reduce_sum(actions) * float("nan")


class Graphic(Tossed):
    """Adds another loss in a graph."""

    def extra_loss(self, logits, actions, rollout, context):
        return 1.0 if tf.executing_eagerly() else 0.5


class Eager(Tossed):
    def decide(self, logits, context):
        actions = super().decide(logits, context)
        return actions if tf.executing_eagerly() else 1.0 - actions


class Static(tfxdr.Policy):
    def static_actions(self, num_blocks):
        return (1,) * (num_blocks - 1)


@pytest.mark.parametrize(
    ("policy", "broken"),
    [
        (Half, "exactly 0 or 1 .*is_hard is true"),
        (Followed, "stands for 0 or 1, and for no gradient"),
        (OneBlock, r"should return actions \(5, 4\), they are \(5, 1\)"),
        (Large, r"actions should be in \[0, 1\]"),
        (Seeded, "Inference depends .*another seed or epoch"),
        (Unseeded, "In training the same seed"),
        (Batched, "Neither padding nor .*a user alone"),
        (Padded, "Neither padding nor .*more padding"),
        (Unread, "reaches all that decides.*none reaches policy_network"),
        (Idle, "reaches all that decides.*none reaches"),
        (Endless, "the loss should be finite, it is nan"),
        (Graphic, "losses of eager steps"),
        (Eager, "the same eagerly, in a graph"),
        (Static, r"static_actions\(4\) should be 4 numbers"),
    ],
)
def test_policies(policy, broken):
    registry.policies.register("broken", policy)
    with pytest.raises(AssertionError, match=f"(?s)policy broken .*{broken}"):
        testing.check_policy("broken")


class Moody(tfxdr.Baseline):
    def fit(self, history, train_targets, num_source_items, num_target_items):
        seen = np.random.default_rng().normal(size=num_target_items)
        return lambda rows: np.tile(seen, (len(rows), 1))


class Mean(tfxdr.Baseline):
    def fit(self, history, train_targets, num_source_items, num_target_items):
        return lambda rows: np.full((len(rows), num_target_items), rows.mean())


@pytest.mark.parametrize(
    ("baseline", "broken"),
    [(Moody, "scores of two fits"), (Mean, "with more padding")],
)
def test_baselines(baseline, broken):
    registry.policies.register("broken", baseline)
    with pytest.raises(AssertionError, match=broken):
        testing.check_policy("broken")
