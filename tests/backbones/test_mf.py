"""Matrix factorization as a joint backbone."""

import numpy as np
import pytest
import tensorflow as tf

from tfxdr.models.joint import JointModel
from tfxdr.registry import backbones
from tfxdr.types import Items, JointSizes

SIZES = JointSizes(5, 6, 7, 4, 3)
USER = tf.constant([2, 4])
SOURCE = Items(tf.constant([3, 5]), tf.constant([2, 3]))
TARGET = Items(tf.constant([6, 2]), tf.constant([2, 1]))


def made(options=""):
    backbone = backbones.build(f"mf(embedding_size=3{options})", sizes=SIZES)
    JointModel(backbone)  # makes the variables
    return backbone


def test_reads_the_product_and_both_biases():
    backbone = made(",shared=true")
    read = backbone(USER, SOURCE, TARGET)
    users = backbone.user_embedding(USER).numpy()
    for vector, embedding, (of_user, of_item), items in zip(
        read,
        (backbone.source_embedding, backbone.target_embedding),
        (backbone.source_biases, backbone.target_biases),
        (SOURCE, TARGET),
        strict=True,
    ):
        product = users * embedding.item(items.item).numpy()
        np.testing.assert_allclose(vector[:, :3], product, rtol=1e-6)
        biases = of_user(USER) + of_item(items.item)
        np.testing.assert_allclose(vector[:, 3:], biases, rtol=1e-6)


def test_the_target_learns_alone_by_default():
    backbone = made()
    source, target = backbone(USER, SOURCE, TARGET)
    assert not backbone.uses_source
    assert target.shape == (2, 4) and not source.numpy().any()
    rows = sorted(v.shape[0] for v in backbone.trainable_variables)
    assert rows == [5, 5, 7, 7]  # users and target items, each with biases


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (",embedding_scale=0", "embedding_scale should be above 0"),
        (",dropout=1", "dropout"),
    ],
)
def test_options_out_of_range_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        made(options)


def test_the_scale_is_that_of_first_vectors():
    small, large = (
        np.std(made(f",embedding_scale={scale}").user_embedding.embeddings)
        for scale in (0.01, 1.0)
    )
    assert small < 0.05 < 0.3 < large
