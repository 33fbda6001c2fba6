"""What a joint backbone takes from its base class, and may replace."""

import pytest
import tensorflow as tf
from tensorflow import keras

from tfxdr.backbones import JointBackbone, is_joint
from tfxdr.backbones.conet import CoNet
from tfxdr.backbones.nextitnet import NextItNet
from tfxdr.models.joint import JointModel
from tfxdr.registry import backbones
from tfxdr.types import Items, JointSizes

SIZES = JointSizes(5, 6, 7, 4, 3)
ITEMS = Items(tf.constant([[2, 3]]), tf.constant([[1, 2]]))


class Plain(JointBackbone):
    """A user's vector, joined with that of the target item."""

    def __init__(self, sizes, embedding_size=2, **kwargs):
        super().__init__(sizes, embedding_size, **kwargs)
        self.users = keras.layers.Embedding(self.sizes.users, 3)

    def call(self, user, source, target):
        read = tf.concat([self.users(user), self.target_features(target)], -1)
        if not self.uses_source:
            return tf.zeros_like(read), read
        source = self.source_features(source)
        return tf.concat([self.users(user), source], -1), read


class Flagged(Plain):
    """Its features are no vectors that are learned."""

    def source_features(self, items):
        return tf.one_hot(items.category, 4)

    target_features = source_features


def shapes(backbone):
    JointModel(backbone)  # makes the variables
    return sorted(tuple(v.shape) for v in backbone.trainable_variables)


def test_tables_are_of_the_sizes():
    backbone = Plain(SIZES)
    assert shapes(backbone) == [(3, 2), (4, 2), (5, 3), (6, 2), (7, 2)]
    source, target = backbone.source_embedding, backbone.target_embedding
    assert (source.num_items, source.num_categories) == (6, 4)
    assert (target.num_items, target.num_categories) == (7, 3)
    for features in (backbone.source_features, backbone.target_features):
        assert features(ITEMS).shape == (1, 2, 4)


def test_tables_that_are_not_read_have_no_variables():
    assert shapes(Flagged(SIZES)) == [(5, 3)]


def test_without_the_source_it_has_no_tables():
    backbone = Plain(SIZES, uses_source=False, name="half")
    assert shapes(backbone) == [(3, 2), (5, 3), (7, 2)]
    with pytest.raises(ValueError, match="half uses no source domain"):
        backbone.source_features(ITEMS)


@pytest.mark.parametrize("kind", [tuple, list])
def test_a_config_may_hold_plain_numbers(kind):
    config = Plain(SIZES).get_config()
    copy = Plain.from_config({**config, "sizes": kind(config["sizes"])})
    assert isinstance(copy.sizes, JointSizes)
    assert copy.sizes == SIZES
    assert copy.get_config() == config


@pytest.mark.parametrize("sizes", [(5, 0, 7, 4, 3), (5, 6, 7, 4, -1)])
def test_sizes_out_of_range_are_refused(sizes):
    with pytest.raises(ValueError, match="should be >= "):
        Plain(sizes)


def test_a_function_may_make_a_joint_backbone(registries):
    @backbones.register("thin")
    def thin(sizes, width: int = 4) -> JointBackbone:
        return CoNet(sizes, hidden=(width,))

    @backbones.register("silent")
    def silent(num_items):
        return NextItNet(num_items)

    assert is_joint(backbones.entry("thin"))
    assert is_joint(backbones.entry("conet"))
    assert not is_joint(backbones.entry("silent"))
    assert not is_joint(backbones.entry("nextitnet"))
