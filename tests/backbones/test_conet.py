"""What is CoNet's own: cross connections, their lasso, the source left out."""

import numpy as np
import pytest
import tensorflow as tf

from tfxdr.backbones.conet import CoNet
from tfxdr.errors import InputError
from tfxdr.models.joint import JointModel
from tfxdr.registry import backbones
from tfxdr.types import Items, JointSizes

SIZES = JointSizes(5, 6, 7, 4, 3)


def build(options=""):
    tf.keras.utils.set_random_seed(1)
    backbone = backbones.build(f"conet({options})", sizes=SIZES)
    JointModel(backbone)  # makes the variables
    return backbone


def ids(item, category=1):
    return Items(tf.constant([item]), tf.constant([category]))


def strong(options=""):
    backbone = build(options)
    rng = np.random.default_rng(0)
    for variable in backbone.trainable_variables:
        variable.assign(rng.normal(0.2, 0.5, variable.shape))
    return backbone


def test_towers_read_user_item_and_category():
    backbone = build("embedding_size=2,hidden=[3]")
    (unit,) = backbone.units
    user, source, target = tf.constant([2]), ids(3, 2), ids(4, 1)
    read = [
        np.concatenate(
            [
                backbone.user_embedding.embeddings[2],
                embedding.item.embeddings[items.item[0]],
                embedding.category.embeddings[items.category[0]],
            ]
        )
        for embedding, items in (
            (backbone.source_embedding, source),
            (backbone.target_embedding, target),
        )
    ]
    kernels = [unit.source_kernel.numpy(), unit.target_kernel.numpy()]
    transfer = unit.transfer.numpy()
    for own, result in enumerate(backbone(user, source, target)):
        expected = read[own] @ kernels[own] + read[1 - own] @ transfer
        np.testing.assert_allclose(result[0], expected.clip(0), rtol=1e-5)


def test_both_examples_count_in_both_domains():
    backbone = strong()
    before = backbone(tf.constant([2]), ids(3), ids(4))
    for source, target in ((ids(5), ids(4)), (ids(3), ids(5))):
        after = backbone(tf.constant([2]), source, target)
        for one, other in zip(before, after, strict=True):
            assert np.abs(one - other).max() > 1e-3


def test_the_lasso_is_on_the_transfers_alone():
    backbone = strong("sparse=0.5,hidden=[4,3]")
    expected = sum(np.abs(u.transfer.numpy()).sum() for u in backbone.units)
    np.testing.assert_allclose(backbone.penalty(), expected / 2, rtol=1e-6)
    with tf.GradientTape() as tape:
        penalty = backbone.penalty()
    moved = tape.gradient(penalty, backbone.trainable_variables)
    assert sum(gradient is not None for gradient in moved) == 2
    assert build().penalty() == 0
    assert build("sparse=0.5,only_target=true").penalty() == 0


def test_without_the_source_it_is_a_plain_tower():
    backbone = strong("only_target=true,hidden=[4,3]")
    assert not backbone.uses_source
    user = tf.constant([2])
    one, other = (backbone(user, ids(i), ids(4, 2)) for i in (3, 5))
    np.testing.assert_array_equal(one[0], np.zeros([1, 3]))
    np.testing.assert_array_equal(one[1], other[1])
    names = [variable.name for variable in backbone.variables]
    assert not [name for name in names if "source" in name], names
    hidden = tf.concat(
        [backbone.user_embedding(user), backbone.target_features(ids(4, 2))], 1
    ).numpy()
    for unit in backbone.units:
        hidden = np.maximum(hidden @ unit.kernel.numpy(), 0)
    np.testing.assert_allclose(one[1], hidden, rtol=1e-5)
    with pytest.raises(ValueError, match="conet uses no source domain"):
        backbone.source_features(ids(3))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("hidden=[]", r"hidden .* received \[\]"),
        ("hidden=[8,0]", r"hidden .* received \[8, 0\]"),
        ("sparse=-1", "sparse should be >= 0, received -1"),
        ("embedding_size=0", "embedding_size should be >= 1, received 0"),
    ],
)
def test_options_out_of_range_are_refused(options, message):
    with pytest.raises(InputError, match=message):
        build(options)


def test_sizes_are_no_options():
    with pytest.raises(InputError, match="takes 'sizes' from the program"):
        backbones.parse("conet(sizes=3)")
    options = backbones.options(backbones.entry("conet"))
    assert [option.name for option in options] == [
        "embedding_size",
        "hidden",
        "sparse",
        "only_target",
        "embedding_scale",
        "dropout",
    ]


def test_defaults_are_the_authors():
    config = CoNet(SIZES).get_config()
    assert config["embedding_size"] == 10
    assert config["hidden"] == (64, 32, 16, 8)
