"""What is DDTCDR's own: the map between the domains' users."""

import numpy as np
import pytest
import tensorflow as tf

from tfxdr.errors import InputError
from tfxdr.models.joint import JointModel
from tfxdr.registry import backbones
from tfxdr.types import Items, JointSizes

SIZES = JointSizes(5, 6, 7, 2, 2)
USER = tf.constant([3])
SOURCE = Items(tf.constant([4]), tf.constant([1]))
TARGET = Items(tf.constant([5]), tf.constant([1]))


def build(options=""):
    tf.keras.utils.set_random_seed(1)
    backbone = backbones.build(f"ddtcdr({options})", sizes=SIZES)
    JointModel(backbone)  # makes the variables
    return backbone


def strong(options):
    backbone = build(options)
    rng = np.random.default_rng(0)
    for variable in backbone.trainable_variables:
        variable.assign(rng.normal(0.3, 0.5, variable.shape))
    return backbone


def tower(layers, user, item):
    hidden = np.concatenate([user, item])
    for layer in layers:
        kernel, bias = layer.get_weights()
        hidden = np.maximum(hidden @ kernel + bias, 0)
    return hidden


def test_it_blends_the_own_and_the_mapped_user():
    backbone = strong("embedding_size=3,hidden=[5,4],alpha=0.2")
    source_user = backbone.source_users.embeddings[3].numpy()
    target_user = backbone.target_users.embeddings[3].numpy()
    source_item = backbone.source_embedding.item.embeddings[4].numpy()
    target_item = backbone.target_embedding.item.embeddings[5].numpy()
    mapping = backbone.mapping.numpy()
    results = backbone(USER, SOURCE, TARGET)
    for result, layers, own, mapped, item in (
        (
            results[0],
            backbone.source_tower,
            source_user,
            mapping.T @ target_user,
            source_item,
        ),
        (
            results[1],
            backbone.target_tower,
            target_user,
            mapping @ source_user,
            target_item,
        ),
    ):
        expected = 0.8 * tower(layers, own, item) + 0.2 * tower(
            layers, mapped, item
        )
        np.testing.assert_allclose(result[0], expected, rtol=1e-4)


@pytest.mark.parametrize(
    ("alpha", "reaches"), [(0.0, False), (0.03, True), (1.0, True)]
)
def test_alpha_says_whether_domains_meet(alpha, reaches):
    backbone = strong(f"alpha={alpha}")
    with tf.GradientTape() as tape:
        total = tf.reduce_sum(backbone(USER, SOURCE, TARGET)[1])
    gradient = tape.gradient(total, backbone.source_users.embeddings)
    assert (np.abs(tf.convert_to_tensor(gradient)).max() > 1e-4) == reaches


def test_the_map_starts_orthogonal_and_the_penalty_measures_it():
    backbone = build("embedding_size=2,orthogonality=0.5")
    np.testing.assert_allclose(backbone.penalty(), 0.0, atol=1e-9)
    backbone.mapping.assign([[2.0, 1.0], [0.0, 1.0]])
    # X^T X - I = [[3, 2], [2, 1]]
    np.testing.assert_allclose(backbone.penalty(), 0.5 * 18)


def test_the_penalty_makes_a_map_orthogonal():
    backbone = build("embedding_size=3")
    start = [[1.5, 0.3, 0.0], [0.0, 0.4, 0.0], [-0.2, 0.0, 1.0]]
    backbone.mapping.assign(start)
    for _ in range(300):
        with tf.GradientTape() as tape:
            penalty = backbone.penalty()
        gradient = tape.gradient(penalty, backbone.mapping)
        backbone.mapping.assign_sub(0.5 * gradient)
    gram = tf.matmul(backbone.mapping, backbone.mapping, transpose_a=True)
    np.testing.assert_allclose(gram, np.eye(3), atol=1e-4)


def test_the_penalty_curves_as_documented():
    backbone = build("embedding_size=2,orthogonality=0.1")
    backbone.mapping.assign(np.eye(2))
    with tf.GradientTape() as outer:
        with tf.GradientTape() as inner:
            penalty = backbone.penalty()
        gradient = inner.gradient(penalty, backbone.mapping)
    hessian = outer.jacobian(gradient, backbone.mapping)
    values = np.linalg.eigvalsh(hessian.numpy().reshape(4, 4))
    np.testing.assert_allclose(values.max(), 0.8, rtol=1e-5)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("hidden=[]", r"hidden .* received \[\]"),
        ("alpha=1.5", r"alpha should be in \[0, 1\], received 1\.5"),
        ("alpha=-0.1", r"alpha should be in \[0, 1\], received -0\.1"),
        ("orthogonality=-1", "orthogonality should be >= 0, received -1"),
    ],
)
def test_options_out_of_range_are_refused(options, message):
    with pytest.raises(InputError, match=message):
        build(options)
