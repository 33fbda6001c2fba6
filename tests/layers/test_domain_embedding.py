"""The vectors of items and categories."""

import numpy as np
import pytest
import tensorflow as tf

from tfxdr.layers.domain_embedding import DomainEmbedding, domain_embeddings
from tfxdr.types import Items

ITEMS = Items(tf.constant([[0, 2], [3, 3]]), tf.constant([[0, 1], [2, 1]]))


@pytest.mark.parametrize("mode", ["eager", "function", "xla"])
def test_item_and_category_are_joined(mode):
    layer = DomainEmbedding(4, 3, 2)
    layer(ITEMS)
    layer.item.set_weights([np.arange(8.0).reshape(4, 2)])
    layer.category.set_weights([-np.arange(6.0).reshape(3, 2)])
    call = layer.__call__
    if mode != "eager":
        call = tf.function(layer.call, jit_compile=mode == "xla")
    np.testing.assert_array_equal(
        call(ITEMS),
        [
            [[0, 1, -0.0, -1], [4, 5, -2, -3]],
            [[6, 7, -4, -5], [6, 7, -2, -3]],
        ],
    )


@pytest.mark.parametrize(
    ("categories", "width"), [((2, 2), 6), ((3, 2), 12), ((2, 9), 12)]
)
def test_categories_take_part_where_a_domain_has_any(categories, width):
    ids = Items(ITEMS.item, tf.ones_like(ITEMS.category))
    for layer in domain_embeddings(4, 5, *categories, 6):
        assert layer(ids).shape == (2, 2, width)
        assert len(layer.trainable_variables) == width // 6


def test_config_round_trip():
    config = DomainEmbedding(4, 3, 2, name="source").get_config()
    copy = DomainEmbedding.from_config(config)
    assert copy.get_config() == config
    assert (copy.num_items, copy.num_categories, copy.size) == (4, 3, 2)


@pytest.mark.parametrize(
    ("sizes", "message"),
    [
        ((0, 3, 2), "num_items should be >= 1, received 0"),
        ((4, -1, 2), "num_categories should be >= 0, received -1"),
        ((4, 3, 0), "embedding_size should be >= 1, received 0"),
    ],
)
def test_sizes_out_of_range_are_refused(sizes, message):
    with pytest.raises(ValueError, match=message):
        DomainEmbedding(*sizes)
