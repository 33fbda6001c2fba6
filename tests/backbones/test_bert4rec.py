"""BERT4Rec's own promises: the mask token, and what is masked."""

import numpy as np
import pytest
import tensorflow as tf

from tfxdr.backbones.bert4rec import LAST_ONLY_PROB, BERT4Rec
from tfxdr.errors import InputError
from tfxdr.registry import backbones

NUM_ITEMS = 40
SEED = tf.constant([1, 2])


def small(**options):
    tf.keras.utils.set_random_seed(3)
    return BERT4Rec(NUM_ITEMS, **{"channels": 4, "dropout": 0.0} | options)


def test_the_mask_token_stands_behind_the_history():
    backbone = small()
    ids = np.array([[0, 5, 6]], np.int32)
    hidden, mask = backbone.embed(ids)
    np.testing.assert_array_equal(mask, [[False, True, True, True]])
    assert backbone.mask_token == NUM_ITEMS
    table = backbone.embedding.embeddings.numpy()
    places = backbone.positions.table.numpy()
    expected = [table[5] + places[2], table[6] + places[1]]
    expected.append(table[NUM_ITEMS] + places[0])
    np.testing.assert_array_equal(hidden[0, 0], np.zeros(4))
    np.testing.assert_allclose(hidden[0, 1:], expected, rtol=1e-6)


def test_validation_masks_the_last_item_alone_as_inference_does():
    backbone = small()
    history = np.array([[0, 0, 9], [0, 5, 6], [2, 3, 4]], np.int32)
    hidden, labels = backbone.pretraining(history, None)
    np.testing.assert_array_equal(labels, [9, 6, 4])
    inference = backbone(history[:, :-1])[:, -1]
    np.testing.assert_allclose(hidden, inference, atol=1e-5)


def test_rows_of_padding_give_no_label():
    history = np.array([[0, 0, 0], [0, 5, 6]], np.int32)
    _, labels = small().pretraining(history, None)
    np.testing.assert_array_equal(labels, [6])


def test_the_share_of_masked_items():
    backbone = small(mask_prob=0.3)
    inputs = np.full([4000, 10], 7, np.int32)
    inputs[:, :4] = 0
    masked = backbone._masked(tf.constant(inputs), SEED).numpy()
    assert not masked[:, :4].any()
    assert masked[:, 4:].mean() == pytest.approx(
        0.3 * (1 - LAST_ONLY_PROB), abs=0.01
    )
    # None of six is masked by chance, or since the last alone is.
    chance = 0.7**6
    expected = LAST_ONLY_PROB + (1 - LAST_ONLY_PROB) * chance
    none = ~masked.any(axis=1)
    assert none.mean() == pytest.approx(expected, abs=0.03)
    other = backbone._masked(tf.constant(inputs), tf.constant([1, 3]))
    assert np.any(masked != other)


def test_every_label_is_hidden_from_its_position():
    """Another item in a masked place changes no hidden vector."""
    backbone = small(mask_prob=0.5)
    history = np.arange(2, 38, dtype=np.int32).reshape(3, 12)
    hidden, labels = backbone.pretraining(history, SEED)
    assert len(labels) > 8
    changed = np.where(np.isin(history, labels), 39, history).astype(np.int32)
    again, others = backbone.pretraining(changed, SEED)
    np.testing.assert_array_equal(hidden, again)
    assert set(others.numpy()) == {39}


def test_labels_are_the_items_at_the_masked_places():
    backbone = small(mask_prob=0.5)
    history = np.arange(2, 38, dtype=np.int32).reshape(3, 12)
    masked = backbone._masked(tf.constant(history[:, :-1]), SEED).numpy()
    assert masked.any() and not masked.all()
    _, labels = backbone.pretraining(history, SEED)
    with_last = np.column_stack([masked, [True] * 3])
    np.testing.assert_array_equal(labels, history[with_last])


def test_the_head_does_not_score_the_mask_token():
    backbone = small()
    head = backbone.next_item_head(NUM_ITEMS)
    assert head(backbone(np.array([[5]], np.int32))[:, -1]).shape == (
        1,
        NUM_ITEMS,
    )
    assert head.bias.shape == (NUM_ITEMS,)
    assert backbone.embedding.input_dim == NUM_ITEMS + 1


def test_defaults():
    backbone = backbones.build("bert4rec", num_items=30)
    assert (backbone.width, len(backbone.blocks)) == (64, 2)
    assert (backbone.mask_prob, backbone.max_length) == (0.2, 200)
    for block in backbone.blocks:
        assert (block.num_heads, block.hidden_size) == (2, 256)
        assert (block.causal, block.activation) == (False, "gelu")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("num_blocks=0", "at least one block"),
        ("mask_prob=1.0", "mask_prob .* received 1"),
        ("num_heads=3", "num_heads=3, channels=64"),
    ],
)
def test_options_out_of_range_name_the_flag(options, message):
    with pytest.raises(InputError, match=rf"--backbone=bert4rec.*{message}"):
        backbones.build(f"bert4rec({options})", num_items=30)
