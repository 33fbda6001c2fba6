"""A component that breaks a promise is found out, with a sentence.

That sound ones pass is seen in `tests/plugins`, on the worked examples.
"""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from tensorflow import keras

import tfxdr
import tfxdr.testing.models  # noqa: F401  Registers what checks build upon.
from tfxdr import registry, testing
from tfxdr.backbones.nextitnet import NextItNet
from tfxdr.errors import InputError
from tfxdr.tuners.copy import Copy


@pytest.fixture(autouse=True)
def as_before():
    """Takes back what a test registers."""
    entries = [dict(known._entries) for known in registry.ALL]
    yield
    for known, before in zip(registry.ALL, entries, strict=True):
        known._entries = before


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
        (OneBlock, r"should return actions \(5, 4\), they are \(5, 1\)"),
        (Large, r"actions should be in \[0, 1\]"),
        (Seeded, "Inference depends .*another seed or epoch"),
        (Unseeded, "In training the same seed"),
        (Batched, "Neither padding nor .*a user alone"),
        (Padded, "Neither padding nor .*more padding"),
        (Unread, "reaches the policy network .*none reaches"),
        (Eager, "the same eagerly, in a graph"),
        (Static, r"static_actions\(4\) should be 4 numbers"),
    ],
)
def test_policies(policy, broken):
    registry.policies.register("broken", policy)
    with pytest.raises(AssertionError, match=f"(?s)policy broken .*{broken}"):
        testing.check_policy("broken")


class Sequential(NextItNet):
    """NextItNet under another name; a test breaks it."""

    def __init__(self, num_items, channels: int = 8, **kwargs):
        super().__init__(num_items, channels, dilations=(1, 2), **kwargs)

    def get_config(self):
        config = super().get_config()
        return {k: v for k, v in config.items() if k in self.kept}

    kept = ("name", "num_items", "channels")


class Forgetful(Sequential):
    kept = ("name", "num_items")


class Boastful(Sequential):
    causal = False


class Unmasked(Sequential):
    def embed(self, history, seed=None):
        return self.embedding(history), tf.ones_like(history, tf.bool)


class Bag(Sequential):
    def read_out(self, hidden, mask):
        real = tf.cast(mask, tf.float32)[..., tf.newaxis]
        return tf.cumsum(real * hidden, axis=1, reverse=True)


class Batchnorm(Sequential):
    def read_out(self, hidden, mask):
        return hidden + 0.5 * tf.reduce_mean(hidden, axis=0)


class Idle(Sequential):
    def __init__(self, num_items, channels: int = 8, **kwargs):
        super().__init__(num_items, channels, **kwargs)
        self.idle = keras.layers.Dense(2)
        self.idle.build((None, 3))


@pytest.mark.parametrize(
    ("backbone", "broken"),
    [
        (Forgetful, "should hold channels=6"),
        (Boastful, "unless `causal` is false.*later items do not"),
        (Unmasked, "Padding on the left"),
        (Bag, "No position sees a later item"),
        (Batchnorm, "other users"),
        (Idle, "every weight.*none reaches"),
    ],
)
def test_backbones(backbone, broken):
    registry.backbones.register("broken", backbone)
    with pytest.raises(AssertionError, match=f"(?s)backbone broken.*{broken}"):
        testing.check_backbone("broken(channels=6)")


class Stuck(tfxdr.MetaLearner):
    interval = 1

    def update(self, model, batch, held_out):
        pass


class Meddling(tfxdr.MetaLearner):
    interval = 1

    def __init__(self):
        self.learned = tf.Variable(1.0)

    @property
    def meta_variables(self):
        return [self.learned]

    def update(self, model, batch, held_out):
        self.learned.assign_add(1.0)
        model.shared_variables[0].assign_add(
            tf.ones_like(model.shared_variables[0])
        )


class Negative(tfxdr.MetaLearner):
    def weights(self, model, batch):
        return -super().weights(model, batch)


@pytest.mark.parametrize(
    ("meta", "broken"),
    [
        (Stuck, "moved none of meta_variables"),
        (Meddling, "what the lower level trains"),
        (Negative, "weights should be >= 0"),
    ],
)
def test_meta_learners(meta, broken):
    registry.meta_learners.register("broken", meta)
    with pytest.raises(AssertionError, match=broken):
        testing.check_meta_learner("broken")


def flat(user, head, batch):
    return tf.zeros(tf.shape(batch.positives)) * head.score(
        user, batch.positives
    )


def infinite(user, head, batch):
    return tf.math.log(0.0 * head.score(user, batch.positives))


def per_user(user, head, batch):
    return tf.reduce_sum(head.score(user, batch.positives), axis=1)


@pytest.mark.parametrize(
    ("loss", "broken"),
    [
        (flat, "gets zeros"),
        (infinite, "not finite"),
        (per_user, r"\(5, 3\) expected, found \(5,\)"),
    ],
)
def test_losses(loss, broken):
    registry.losses.register("broken", lambda: loss)
    with pytest.raises(AssertionError, match=broken):
        testing.check_loss("broken")


def drifting(learning_rate, weight_decay):
    return keras.optimizers.SGD(learning_rate, weight_decay=0.5)


def upward(learning_rate, weight_decay):
    return keras.optimizers.SGD(lambda: -learning_rate(0))


@pytest.mark.parametrize(
    ("optimizer", "broken"),
    [(drifting, "does not move"), (upward, "Steps lower")],
)
def test_optimizers(optimizer, broken):
    registry.optimizers.register("broken", optimizer)
    with pytest.raises(AssertionError, match=broken):
        testing.check_optimizer("broken")


class Thief(Copy):
    """Trains the block that it was handed, which is another's."""

    def tune(self, block, width):
        return keras.layers.Lambda(lambda hidden: hidden)


def test_tuners():
    registry.tuners.register("broken", Thief)
    with pytest.raises(AssertionError, match="tuner broken"):
        testing.check_tuner("broken")


def test_datasets():
    class Moody(tfxdr.Source):
        """Other data each time it is read."""

        calls = 0

        def load(self, connection, rejects):
            Moody.calls += 1
            made = registry.datasets.build(
                f"synthetic(users=30,seed={Moody.calls})"
            )
            made.load(connection, rejects)

    registry.datasets.register("broken", Moody)
    with pytest.raises(AssertionError, match="are equal.*\n.*fingerprints"):
        testing.check_dataset("broken")


class Restless(keras.callbacks.Callback):
    def on_train_batch_end(self, batch, logs=None):
        self.model.slope.assign_add(np.random.default_rng().normal())


class Breaking(keras.callbacks.Callback):
    def on_epoch_end(self, epoch, logs=None):
        self.model.slope.assign(float("nan"))


@pytest.mark.parametrize(
    ("callback", "broken"),
    [
        (Restless, "equal to the bit"),
        (Breaking, "has an end"),
        (lambda: print, "should be a Keras callback"),
    ],
)
def test_callbacks(callback, broken):
    registry.callbacks.register("broken", callback)
    with pytest.raises(AssertionError, match=broken):
        testing.check_callback("broken")


def test_a_sound_callback():
    registry.callbacks.register("sound", keras.callbacks.Callback)
    testing.check_callback("sound")


@pytest.mark.parametrize(
    ("metric", "broken"),
    [
        (lambda num_classes: keras.metrics.MeanAbsoluteError(), "It rises"),
        (
            lambda num_classes: keras.metrics.MeanTensor(),
            "should have one value",
        ),
    ],
)
def test_class_metrics(metric, broken):
    registry.class_metrics.register("broken", metric)
    with pytest.raises(AssertionError, match=broken):
        testing.check_class_metric("broken")


def test_a_sound_class_metric():
    registry.class_metrics.register(
        "sound", lambda num_classes: keras.metrics.CategoricalAccuracy()
    )
    testing.check_class_metric("sound")


def test_a_component_of_another_kind():
    registry.policies.register("broken", lambda: np.zeros(3))
    with pytest.raises(AssertionError, match="should be a tfxdr.Policy"):
        testing.check_policy("broken")


def test_unknown_names_and_options_are_the_users():
    with pytest.raises(InputError, match="unknown policy 'gumble'"):
        testing.check_policy("gumble")
    with pytest.raises(InputError, match="temperature should be above 0"):
        testing.check_policy("gumbel(temperature=0)")


def test_every_check_is_public_and_says_what_it_takes():
    for name in testing.__all__:
        assert name in dir(testing)
        assert getattr(testing, name).__doc__
