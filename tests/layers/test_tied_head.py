"""The head that has no table of its own."""

import numpy as np
import pytest
import tensorflow as tf
from tensorflow import keras

from tfxdr.layers.tied_head import TiedHead
from tfxdr.ops import softmax

TABLE = np.array(
    [[0, 0], [9, 9], [1, 2], [3, 4], [5, 6]], np.float32
)  # padding, unknown, three rows more
USER = tf.constant([[1.0, 10.0], [2.0, 0.0]])


def embedding():
    layer = keras.layers.Embedding(5, 2, name="items")
    layer.build(None)
    layer.set_weights([TABLE])
    return layer


def test_a_logit_is_the_product_with_the_embedding():
    head = TiedHead(embedding())
    logits = head.logits(USER)
    np.testing.assert_array_equal(logits[0, 2:], [21.0, 43.0, 65.0])
    np.testing.assert_array_equal(logits[1], [0.0, 18.0, 2.0, 6.0, 10.0])
    items = tf.constant([[[2, 4], [3, 0]], [[3, 3], [4, 2]]])
    np.testing.assert_array_equal(
        head.score(USER, items),
        [[[21.0, 65.0], [43.0, 0.0]], [[6.0, 6.0], [10.0, 2.0]]],
    )


def test_the_bias_is_added_everywhere():
    head = TiedHead(embedding(), use_bias=True)
    plain = head(USER)
    bias = np.arange(5, dtype=np.float32)
    head.bias.assign(bias)
    np.testing.assert_array_equal(head(USER), plain + bias)
    items = tf.constant([[2, 4], [3, 3]])
    np.testing.assert_array_equal(
        head.score(USER, items), tf.gather(plain + bias, items, batch_dims=1)
    )


def test_rows_beyond_the_items_have_no_logit():
    head = TiedHead(embedding(), 4, use_bias=True)
    assert head(USER).shape == (2, 4)
    assert head.kernel.shape == (4, 2)
    assert head.bias.shape == (4,)


def test_kernel_and_bias_follow_the_embedding():
    table = embedding()
    whole, part = TiedHead(table), TiedHead(table, 4)
    for head in (whole, part):
        head(USER)
    table.set_weights([TABLE + 1])
    np.testing.assert_array_equal(whole.kernel, TABLE + 1)
    np.testing.assert_array_equal(part.kernel, TABLE[:4] + 1)
    np.testing.assert_array_equal(whole.bias, np.zeros(5))


@pytest.mark.parametrize("use_bias", [False, True])
def test_it_has_no_second_table(use_bias):
    table = embedding()
    head = TiedHead(table, use_bias=use_bias)
    head(USER)
    assert head.kernel is table.embeddings
    assert len(head.trainable_variables) == 1 + use_bias


@pytest.mark.parametrize("num_items", [4, 5])
@pytest.mark.parametrize("use_bias", [False, True])
def test_losses_take_its_kernel_and_bias(num_items, use_bias):
    head = TiedHead(embedding(), num_items, use_bias=use_bias)
    head(USER)
    labels = tf.constant([2, 3])

    @tf.function
    def both():
        with tf.GradientTape() as tape:
            arguments = (USER, labels, head.kernel, head.bias)
            full = softmax.next_item_losses(*arguments)
            fused = softmax.next_item_softmax(*arguments, tf.ones([2]))
            sampled = softmax.next_item_sampled_softmax(
                *arguments, num_samples=3, seed=tf.constant([1, 2])
            )
            total = fused + tf.reduce_sum(sampled)
        return full, fused, tape.gradient(total, head.embedding.embeddings)

    full, fused, gradient = both()
    logits = USER @ TABLE.T
    expected = [
        np.log(np.exp(row[2:num_items] - row[label]).sum())
        for row, label in zip(logits, labels.numpy(), strict=True)
    ]
    np.testing.assert_allclose(full, expected, atol=1e-5)
    np.testing.assert_allclose(fused, sum(expected), atol=1e-5)
    gradient = tf.convert_to_tensor(gradient).numpy()
    assert np.abs(gradient[2:num_items]).min() > 0
    assert (gradient[num_items:] == 0).all()


def test_modes_agree():
    head = TiedHead(embedding(), 4, use_bias=True)
    eager = head(USER)
    for jit in (False, True):
        graph = tf.function(head.call, jit_compile=jit)
        np.testing.assert_allclose(graph(USER), eager, rtol=1e-6)


def test_config_round_trip():
    head = TiedHead(embedding(), 4, use_bias=True, name="head")
    copy = TiedHead.from_config(head.get_config())
    assert copy.get_config() == head.get_config()
    assert (copy.num_items, copy.use_bias) == (4, True)
    assert copy.embedding.output_dim == 2


@pytest.mark.parametrize("num_items", [2, 6])
def test_a_table_that_does_not_fit_is_refused(num_items):
    with pytest.raises(ValueError, match=rf"3 to 5.* received {num_items}"):
        TiedHead(embedding(), num_items)
