"""GRU4Rec's own promises."""

import numpy as np
import pytest
import tensorflow as tf
from tensorflow import keras

from tfxdr.backbones.gru4rec import GRU4Rec
from tfxdr.errors import InputError
from tfxdr.layers.recurrence import RecurrentBlock
from tfxdr.registry import backbones


def strong_block():
    block = RecurrentBlock(4, name="block")
    block.build(tf.TensorShape([None, None, 4]))
    rng = np.random.default_rng(0)
    for variable in block.trainable_variables:
        variable.assign(rng.normal(0.2, 0.6, variable.shape))
    return block


def test_a_block_is_the_gru_of_keras():
    block = strong_block()
    gru = keras.layers.GRU(4, return_sequences=True)
    gru.build(tf.TensorShape([None, None, 4]))
    gru.set_weights(block.get_weights())
    hidden = tf.random.stateless_normal([3, 7, 4], [1, 2])
    np.testing.assert_allclose(block(hidden), gru(hidden), atol=1e-5)


def test_the_state_is_zero_until_the_first_item():
    block = strong_block()
    hidden = tf.random.stateless_normal([2, 5, 4], [1, 2])
    mask = tf.constant([[False, False, True, True, True], [False] * 5])
    result = block(hidden, mask=mask)
    np.testing.assert_array_equal(result[0, :2], np.zeros([2, 4]))
    np.testing.assert_array_equal(result[1], np.zeros([5, 4]))
    np.testing.assert_allclose(
        result[0, 2:], block(hidden[:1, 2:])[0], atol=1e-6
    )


@pytest.mark.parametrize("jit", [False, True])
def test_gradients_agree_with_eager(jit):
    block = strong_block()
    hidden = tf.random.stateless_normal([2, 5, 4], [1, 2])
    mask = tf.constant([[False, False, True, True, True], [True] * 5])

    def gradients():
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(block(hidden, mask=mask) ** 2)
        return tape.gradient(loss, block.trainable_variables)

    graph = tf.function(gradients, jit_compile=jit)
    for one, other in zip(gradients(), graph(), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-5)


def test_defaults():
    backbone = backbones.build("gru4rec", num_items=30)
    assert (backbone.width, len(backbone.blocks)) == (64, 1)
    assert backbone.dropout == 0.1


def test_a_logit_is_the_embedding_times_the_linear_output():
    backbone = GRU4Rec(10, channels=4, num_blocks=1)
    ids = np.array([[5, 6, 7]], np.int32)
    output = backbone(ids)[0, -1]
    hidden, mask = backbone.embed(ids)
    total = (hidden + backbone.blocks[0](hidden, mask=mask))[0, -1].numpy()
    kernel, bias = backbone.output_layers[0].get_weights()
    np.testing.assert_allclose(output, total @ kernel + bias, atol=1e-6)
    table = backbone.embedding.embeddings.numpy()
    np.testing.assert_allclose(
        backbone.next_item_head(10)(output[np.newaxis])[0],
        table @ output.numpy(),
        atol=1e-6,
    )


def test_a_block_without_width_is_refused():
    with pytest.raises(ValueError, match="channels .* received 0"):
        RecurrentBlock(0)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ("num_blocks=0", "at least one block"),
        ("dropout=-0.1", "dropout .* received -0.1"),
    ],
)
def test_options_out_of_range_name_the_flag(options, message):
    with pytest.raises(InputError, match=rf"--backbone=gru4rec.*{message}"):
        backbones.build(f"gru4rec({options})", num_items=30)
