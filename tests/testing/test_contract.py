"""A component that breaks a promise is found out, with a sentence.

Policies and parts of models have files of their own. That sound ones pass is
seen in `tests/plugins`, on the worked examples.
"""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from tensorflow import keras

import tfxdr
from tfxdr import registry, testing
from tfxdr.errors import InputError


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


class Momentous(tfxdr.MetaLearner):
    """Remembers outside of its checkpoint."""

    interval = 1

    def __init__(self):
        self.learned = tf.Variable(1.0)
        self.steps = 0

    @property
    def meta_variables(self):
        return [self.learned]

    def update(self, model, batch, held_out):
        self.steps += 1
        self.learned.assign_add(float(self.steps))


class Negative(tfxdr.MetaLearner):
    def weights(self, model, batch):
        return -super().weights(model, batch)


@pytest.mark.parametrize(
    ("meta", "broken"),
    [
        (Stuck, "moved none of meta_variables"),
        (Meddling, "what the lower level trains"),
        (Negative, "weights should be >= 0"),
        (Momentous, "goes on alike"),
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


def undecayed(learning_rate, weight_decay):
    return keras.optimizers.SGD(learning_rate)


@pytest.mark.parametrize(
    ("optimizer", "broken"),
    [
        (drifting, "does not move"),
        (upward, "Steps lower"),
        (undecayed, "`--weight_decay` changes the steps"),
    ],
)
def test_optimizers(optimizer, broken):
    registry.optimizers.register("broken", optimizer)
    with pytest.raises(AssertionError, match=broken):
        testing.check_optimizer("broken")


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


class Counting(keras.callbacks.Callback):
    """Adds more in each epoch of this process."""

    seen = 0

    def on_epoch_end(self, epoch, logs=None):
        self.seen += 1
        self.model.slope.assign_add(0.1 * self.seen)


@pytest.mark.parametrize(
    ("callback", "broken"),
    [
        (Counting, "ends alike when it is resumed"),
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
        (
            lambda num_classes: keras.metrics.MeanAbsoluteError(),
            "It gets better with the number.*`lower_is_better`.*more is better",
        ),
        (
            lambda num_classes: keras.metrics.MeanTensor(),
            "should have one value",
        ),
    ],
)
def test_class_metrics(metric, broken):
    registry.class_metrics.register("broken", metric)
    with pytest.raises(AssertionError, match=f"(?s){broken}"):
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


def test_a_class_metric_of_which_less_is_better():
    def distance(num_classes):
        return keras.metrics.MeanAbsoluteError()

    registry.class_metrics.register("absolute-error", distance)
    testing.check_class_metric("absolute-error")
    registry.class_metrics.register("distance", distance)
    with pytest.raises(AssertionError, match="more is better"):
        testing.check_class_metric("distance")
    distance.lower_is_better = True
    testing.check_class_metric("distance")
