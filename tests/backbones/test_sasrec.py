"""SASRec's own promises."""

import numpy as np
import pytest
import tensorflow as tf

from tfxdr.backbones.sasrec import SASRec
from tfxdr.errors import InputError
from tfxdr.registry import backbones


def test_defaults_are_the_papers():
    backbone = backbones.build("sasrec", num_items=30)
    assert (backbone.width, len(backbone.blocks)) == (64, 2)
    assert (backbone.dropout, backbone.max_length) == (0.2, 200)
    for block in backbone.blocks:
        assert (block.num_heads, block.hidden_size) == (1, 64)
        assert (block.causal, block.activation) == (True, "relu")


def test_embedding_is_scaled_and_placed_from_the_end():
    backbone = SASRec(10, channels=4, max_length=2)
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


def test_a_logit_is_the_embedding_times_the_normalized_output():
    backbone = SASRec(10, channels=4)
    ids = np.array([[5, 6, 7]], np.int32)
    output = backbone(ids)[0, -1].numpy()
    assert output.mean() == pytest.approx(0, abs=1e-5)
    assert output.std() == pytest.approx(1, abs=1e-3)
    head = backbone.next_item_head(10)
    table = backbone.embedding.embeddings.numpy()
    np.testing.assert_allclose(
        head(output[np.newaxis])[0], table @ output, atol=1e-6
    )


def test_training_starts_near_the_uniform_softmax():
    backbone = SASRec(1000, channels=32)
    head = backbone.next_item_head(1000)
    ids = np.arange(2, 42, dtype=np.int32).reshape(2, 20)
    probs = tf.nn.softmax(head(backbone(ids)[:, -1])).numpy()
    assert 0.3 / 1000 < probs.min() < probs.max() < 3 / 1000


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("num_blocks=0", "at least one block"),
        ("num_heads=3", "num_heads=3, channels=64"),
        ("dropout=1.0", "dropout .* received 1"),
        ("max_length=0", "max_length .* received 0"),
    ],
)
def test_options_out_of_range_name_the_flag(options, message):
    with pytest.raises(InputError, match=rf"--backbone=sasrec.*{message}"):
        backbones.build(f"sasrec({options})", num_items=30)
