"""A table in a file is read and saved as one that is held."""

import os

import numpy as np
import pytest
import tensorflow as tf
from tensorflow import keras

from tfxdr.ops.file_variable import (
    FileVariable,
    beside,
    growing,
    tables_in_files,
)

ROWS, WIDTH = 7, 3
VALUES = np.random.default_rng(3).normal(size=(ROWS, WIDTH)).astype("float32")


@pytest.fixture
def layer(tmp_path):
    with tables_in_files(str(tmp_path), least=4 * ROWS * WIDTH) as made:
        layer = keras.layers.Embedding(ROWS, WIDTH)
        layer.build(None)
        keras.layers.Dense(2).build([None, WIDTH])  # smaller: held
    assert made == [layer.embeddings]
    assert not layer.embeddings.numpy().any()
    layer.embeddings.assign(VALUES)
    return layer


def test_it_is_read_as_what_it_holds(layer, tmp_path):
    table = layer.embeddings
    assert layer.trainable_variables == [table]
    assert table.shape == [ROWS, WIDTH]
    ids = tf.constant([[0, 6], [2, 2]])
    np.testing.assert_array_equal(layer(ids), VALUES[ids])
    np.testing.assert_array_equal(table, VALUES)
    np.testing.assert_allclose(tf.reduce_sum(table), VALUES.sum(), rtol=1e-5)
    np.testing.assert_array_equal(tf.gather_nd(table, [[5]]), VALUES[[5]])
    np.testing.assert_array_equal(table[2:4], VALUES[2:4])
    np.testing.assert_array_equal(
        tf.matmul([[1.0, 2.0, 3.0]], table, transpose_b=True),
        tf.matmul([[1.0, 2.0, 3.0]], VALUES, transpose_b=True),
    )
    assert os.listdir(tmp_path) == []  # The file has no name.


def test_it_is_written_to(layer):
    table = layer.embeddings
    table.assign_add(2 * tf.ones_like(table))
    table.assign_sub(np.ones_like(VALUES))
    np.testing.assert_allclose(table, VALUES + 1, rtol=1e-6)
    with pytest.raises(ValueError, match=r"\(7, 3\), found \(6, 3\)"):
        table.assign(VALUES[1:])


@pytest.mark.parametrize("grows", [False, True])
def test_a_saved_graph_carries_it(layer, tmp_path, grows):
    table = (
        growing(layer.embeddings.mapped, "own") if grows else layer.embeddings
    )
    root = tf.Module()
    root.table = table
    root.rows = tf.function(
        lambda ids: tf.gather(table, ids) + tf.reduce_sum(table),
        input_signature=[tf.TensorSpec([None], tf.int32)],
    )
    expected = root.rows.python_function(tf.constant([6, 1]))
    tf.saved_model.save(root, str(tmp_path / "saved"))
    loaded = tf.saved_model.load(str(tmp_path / "saved"))
    assert loaded.table.shape.as_list() == [None if grows else ROWS, WIDTH]
    np.testing.assert_array_equal(loaded.table, VALUES)
    np.testing.assert_allclose(
        loaded.rows(tf.constant([6, 1])), expected, rtol=1e-5
    )


def test_a_graph_of_this_process_reads_what_it_holds(layer):
    table = layer.embeddings
    table.assign(VALUES - 1)
    ask = tf.function(lambda ids: (layer(ids), tf.reduce_sum(table)))
    for values in (VALUES - 1, VALUES):
        table.assign(values)
        rows, total = ask(tf.constant([4]))
        np.testing.assert_array_equal(rows, values[[4]])
        np.testing.assert_allclose(total, values.sum(), rtol=1e-5)
        np.testing.assert_array_equal(layer(tf.constant([4])), values[[4]])


def test_what_is_made_of_it_lies_beside_it(layer, tmp_path):
    found = beside(layer.embeddings, (9, 2))
    assert isinstance(growing(found, "some"), FileVariable)
    held = beside(tf.Variable(VALUES), (9, 2))
    assert not isinstance(growing(held, "some"), FileVariable)
    assert found.tolist() == held.tolist()
    assert os.listdir(tmp_path) == []
