"""What is the joint MTL's own: shared layers, and one of each domain."""

import numpy as np
import pytest
import tensorflow as tf

from tfxdr.errors import InputError
from tfxdr.models.joint import JointModel
from tfxdr.registry import backbones
from tfxdr.types import Items, JointSizes

SIZES = JointSizes(5, 6, 7, 2, 2)
USER = tf.constant([3])


def strong(options=""):
    tf.keras.utils.set_random_seed(1)
    backbone = backbones.build(f"mtl({options})", sizes=SIZES)
    JointModel(backbone)  # makes the variables
    rng = np.random.default_rng(0)
    for variable in backbone.trainable_variables:
        variable.assign(rng.normal(0.2, 0.5, variable.shape))
    return backbone


def ids(item):
    return Items(tf.constant([item]), tf.constant([1]))


def test_only_the_top_layer_is_a_domains_own():
    backbone = strong("embedding_size=3,hidden=[5,4,2]")
    user = backbone.user_embedding.embeddings[3].numpy()
    for result, embedding, item, top in zip(
        backbone(USER, ids(4), ids(5)),
        (backbone.source_embedding, backbone.target_embedding),
        (4, 5),
        (backbone.source_layer, backbone.target_layer),
        strict=True,
    ):
        item_vector = embedding.item.embeddings[item].numpy()
        hidden = np.concatenate([user, item_vector])
        for layer in (*backbone.shared_layers, top):
            kernel, bias = layer.get_weights()
            hidden = np.maximum(hidden @ kernel + bias, 0)
        assert hidden.shape == (2,)
        np.testing.assert_allclose(result[0], hidden, rtol=1e-4)


def test_a_domain_does_not_read_the_others_example():
    backbone = strong()
    before = backbone(USER, ids(4), ids(5))
    other_source = backbone(USER, ids(2), ids(5))
    other_target = backbone(USER, ids(4), ids(2))
    np.testing.assert_array_equal(before[1], other_source[1])
    np.testing.assert_array_equal(before[0], other_target[0])
    assert np.abs(before[0] - other_source[0]).max() > 1e-3
    assert np.abs(before[1] - other_target[1]).max() > 1e-3


def test_each_domain_teaches_what_is_shared():
    backbone = strong()
    shared = backbone.shared_layers[0].kernel
    users = backbone.user_embedding.embeddings
    for domain in (0, 1):
        with tf.GradientTape() as tape:
            total = tf.reduce_sum(backbone(USER, ids(4), ids(5))[domain])
        for gradient in tape.gradient(total, [shared, users]):
            assert np.abs(tf.convert_to_tensor(gradient)).max() > 1e-3


@pytest.mark.parametrize("hidden", ["[8]", "[]", "[8,0]"])
def test_too_few_layers_are_refused(hidden):
    with pytest.raises(InputError, match="hidden should list 2 or more widths"):
        strong(f"hidden={hidden}")


def test_users_may_have_vectors_of_another_width():
    backbone = strong("embedding_size=3,user_size=1,hidden=[5,4]")
    assert backbone.user_embedding.embeddings.shape == (SIZES.users, 1)
    assert backbone.source_embedding.item.embeddings.shape[1] == 3
    layer = backbone.shared_layers[0]
    assert layer.kernel.shape == (1 + 3, 5)
    assert strong("embedding_size=3").shared_layers[0].kernel.shape[0] == 6


def test_no_vector_of_users_is_refused():
    with pytest.raises(InputError, match="user_size should be >= 1"):
        strong("user_size=0")
