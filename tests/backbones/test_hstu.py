"""HSTU's own promises."""

import numpy as np
import pytest
import tensorflow as tf

from tfxdr.backbones.hstu import HSTU, CosineHead
from tfxdr.errors import InputError
from tfxdr.layers.tied_head import TiedHead, tied_embedding
from tfxdr.registry import backbones
from tfxdr.tuners.adapters import SerialAdapters


def test_defaults_are_the_authors():
    backbone = backbones.build("hstu", num_items=30)
    assert (backbone.width, len(backbone.blocks)) == (50, 2)
    assert (backbone.dropout, backbone.temperature) == (0.2, 0.05)
    for block in backbone.blocks:
        assert (block.num_heads, block.max_length) == (1, 200)


def test_embedding_is_scaled_and_placed_from_the_end():
    backbone = HSTU(10, channels=4, max_length=2)
    ids = np.array([[0, 5, 6, 7]], np.int32)
    hidden, mask = backbone.embed(ids)
    np.testing.assert_array_equal(mask, [[False, True, True, True]])
    items = 2 * backbone.embedding(ids)[0].numpy()
    places = backbone.positions.table.numpy()
    np.testing.assert_array_equal(hidden[0, 0], np.zeros(4))
    for position, row in ((1, 1), (2, 1), (3, 0)):
        np.testing.assert_allclose(
            hidden[0, position], items[position] + places[row], rtol=1e-6
        )


def test_a_logit_is_the_cosine_over_the_temperature():
    backbone = HSTU(10, channels=4, temperature=0.1)
    output = backbone(np.array([[5, 6, 7]], np.int32))[:, -1].numpy()
    assert np.linalg.norm(output) == pytest.approx(2, rel=1e-5)
    table = backbone.embedding.embeddings.numpy()
    lengths = np.linalg.norm(table, axis=1) * np.linalg.norm(output)
    np.testing.assert_allclose(
        backbone.next_item_head(10)(output)[0],
        table @ output[0] / lengths / 0.1,
        rtol=1e-4,
        atol=1e-5,
    )


def test_without_a_temperature_the_length_of_an_item_counts():
    backbone = backbones.build("hstu(temperature=none)", num_items=10)
    head = backbone.next_item_head(10)
    assert type(head) is TiedHead
    output = backbone(np.array([[5, 6, 7]], np.int32))[:, -1].numpy()
    table = backbone.embedding.embeddings.numpy()
    np.testing.assert_allclose(head(output), output @ table.T, atol=1e-5)


def test_an_item_without_a_vector_has_a_finite_logit_and_gradient():
    embedding = tied_embedding(5, 4)
    head = CosineHead(embedding, temperature=0.05)
    head(tf.zeros([1, 4]))
    embedding.embeddings.assign(tf.zeros([5, 4]))
    with tf.GradientTape() as tape:
        logits = head(tf.ones([1, 4]))
    gradient = tape.gradient(logits, embedding.embeddings)
    assert np.isfinite(logits).all()
    assert np.isfinite(gradient).all()


def test_config_of_the_head_round_trips():
    head = CosineHead(tied_embedding(9, 4), 7, temperature=0.2)
    copy = CosineHead.from_config(head.get_config())
    assert copy.get_config() == head.get_config()
    assert (copy.num_items, copy.temperature) == (7, 0.2)


def test_adapters_leave_all_of_a_unit_as_it_was():
    backbone = HSTU(10, channels=8)
    backbone(tf.zeros([1, 1], tf.int32))
    block = backbone.blocks[0]
    adapted = SerialAdapters().tune(block, 8)
    adapted(tf.zeros([1, 1, 8]))
    assert block.weights and not block.trainable_variables


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("num_blocks=0", "at least one block"),
        ("num_heads=3", "num_heads=3, channels=50"),
        ("dropout=1.0", "dropout .* received 1"),
        ("max_length=0", "max_length .* received 0"),
        ("temperature=0.0", "temperature .* received 0"),
    ],
)
def test_options_out_of_range_name_the_flag(options, message):
    with pytest.raises(InputError, match=rf"--backbone=hstu.*{message}"):
        backbones.build(f"hstu({options})", num_items=30)
