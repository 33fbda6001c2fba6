"""A part of a model that breaks a promise is found out, with a sentence."""

from __future__ import annotations

import pytest
import tensorflow as tf
from tensorflow import keras

from tfxdr import registry, testing
from tfxdr.backbones.conet import CoNet
from tfxdr.backbones.nextitnet import NextItNet
from tfxdr.tuners.copy import Copy


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


class Heavy(Sequential):
    def __init__(self, num_items, channels: int = 8, **kwargs):
        super().__init__(num_items, channels, **kwargs)
        self.idle = keras.layers.Dense(2)
        self.idle.build((None, 3))


class Untracked(Sequential):
    """Reads a table that Keras does not know of."""

    def __init__(self, num_items, channels: int = 8, **kwargs):
        super().__init__(num_items, channels, **kwargs)
        table = tf.Variable(tf.random.normal([channels]))
        self.shift = lambda: table

    def embed(self, history, seed=None):
        hidden, mask = super().embed(history, seed)
        return hidden + self.shift(), mask


class Undropped(Sequential):
    """Takes a dropout and drops nothing."""

    def __init__(self, num_items, channels: int = 8, dropout: float = 0.0):
        super().__init__(num_items, channels)
        self.unused = dropout

    def get_config(self):
        return {**super().get_config(), "dropout": self.unused}

    @classmethod
    def from_config(cls, config):
        return cls(*(config[k] for k in ("num_items", "channels", "dropout")))


class Cut(Undropped):
    def get_config(self):
        config = super().get_config()
        del config["dropout"]
        return config

    @classmethod
    def from_config(cls, config):
        return cls(config["num_items"], config["channels"])


@pytest.mark.parametrize(
    ("backbone", "broken"),
    [
        (Forgetful, "should hold channels=6"),
        (Boastful, "unless `causal` is false.*later items do not"),
        (Unmasked, "Padding on the left"),
        (Bag, "No position sees a later item"),
        (Batchnorm, "other users"),
        (Heavy, "every weight.*none reaches"),
        (Untracked, "A new model with a checkpoint"),
        (Undropped, "two seeds should give different vectors"),
        (Cut, "should hold dropout=0.0"),
    ],
)
def test_backbones(backbone, broken):
    registry.backbones.register("broken", backbone)
    with pytest.raises(AssertionError, match=f"(?s)backbone broken.*{broken}"):
        testing.check_backbone("broken(channels=6)")


class Shortened(CoNet):
    def get_config(self):
        config = super().get_config()
        del config["sparse"]
        return config


class Crowded(CoNet):
    def call(self, user, source, target):
        vectors = super().call(user, source, target)
        return tuple(vector - tf.reduce_mean(vector, 0) for vector in vectors)


@pytest.mark.parametrize(
    ("backbone", "broken"),
    [
        (Shortened, "should hold sparse=0.0"),
        (Crowded, "(?s)other rows.*logits of a row alone"),
    ],
)
def test_joint_backbones(backbone, broken):
    registry.backbones.register("broken", backbone)
    with pytest.raises(AssertionError, match=broken):
        testing.check_joint_backbone("broken(embedding_size=3,hidden=[4])")


@pytest.mark.parametrize(
    ("check", "name", "other"),
    [
        (testing.check_backbone, "conet", "check_joint_backbone"),
        (testing.check_joint_backbone, "nextitnet", "check_backbone"),
    ],
)
def test_a_backbone_of_the_other_kind(check, name, other):
    with pytest.raises(AssertionError, match=f"{other} is for these"):
        check(name)


class Blind(Sequential):
    """Reads the length of a history alone."""

    def embed(self, history, seed=None):
        return super().embed(tf.minimum(history, 2), seed)


def test_policy_networks():
    registry.policy_networks.register("broken", Blind)
    with pytest.raises(AssertionError, match="other items give the same"):
        testing.check_policy_network("broken")


class Around(keras.layers.Layer):
    """A block, changed by what is around it."""

    def __init__(self, block, change):
        super().__init__()
        self.block = block
        self.change = change

    def call(self, hidden, mask=None, seed=None):
        return self.change(self.block(hidden, mask=mask, seed=seed))


class Mixing(Copy):
    """Adds the mean over users."""

    def tune(self, block, width):
        return Around(block, lambda x: x + tf.reduce_mean(x, 0))


class Foreseeing(Copy):
    """Adds the last position's vector."""

    def tune(self, block, width):
        return Around(block, lambda x: x + x[:, -1:])


@pytest.mark.parametrize(
    ("tuner", "broken"),
    [(Mixing, "a user alone"), (Foreseeing, "before later items")],
)
def test_tuners(tuner, broken):
    registry.tuners.register("broken", tuner)
    with pytest.raises(AssertionError, match=f"tuner broken(?s:.*){broken}"):
        testing.check_tuner("broken")
