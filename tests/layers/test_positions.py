"""Positions, counted from the end, and the distances of two."""

import numpy as np
import pytest
import tensorflow as tf

from tfxdr.layers.positions import DistanceBias, LearnedPositions


def positions(max_length):
    layer = LearnedPositions(max_length)
    layer.build(tf.TensorShape([None, None, 2]))
    table = np.arange(max_length)[:, None] * [10.0, 100.0]
    layer.set_weights([table.astype(np.float32)])
    return layer


def test_the_last_position_has_the_first_row():
    result = positions(4)(tf.ones([1, 3, 2]))
    np.testing.assert_array_equal(
        result[0], [[21.0, 201.0], [11.0, 101.0], [1.0, 1.0]]
    )


def test_older_positions_share_the_last_row():
    result = positions(2)(tf.zeros([1, 4, 2]))
    np.testing.assert_array_equal(result[0, :, 0], [10.0, 10.0, 10.0, 0.0])


@pytest.mark.parametrize("jit", [False, True])
def test_graph_and_xla_agree_with_eager(jit):
    layer = positions(3)
    hidden = tf.random.stateless_normal([2, 5, 2], [1, 2])
    graph = tf.function(layer.call, jit_compile=jit)
    np.testing.assert_allclose(graph(hidden), layer(hidden), rtol=1e-6)


def test_config_round_trip():
    layer = LearnedPositions(7, name="places")
    copy = LearnedPositions.from_config(layer.get_config())
    assert copy.get_config() == layer.get_config()
    assert copy.max_length == 7


def test_an_empty_table_is_refused():
    with pytest.raises(ValueError, match="max_length .* received 0"):
        LearnedPositions(0)


@pytest.mark.parametrize("jit", [False, True])
def test_a_bias_belongs_to_the_distance_of_query_and_key(jit):
    layer = DistanceBias(3)
    layer.build(None)
    layer.set_weights([np.array([1.0, 2.0, 3.0], np.float32)])
    run = tf.function(layer.call, jit_compile=jit)
    np.testing.assert_array_equal(
        run(tf.fill([2, 4, 4], 10.0))[1],
        [
            [11, 11, 11, 11],
            [12, 11, 11, 11],
            [13, 12, 11, 11],
            [13, 13, 12, 11],
        ],
    )


def test_config_of_a_bias_round_trips():
    layer = DistanceBias(7, name="distances")
    copy = DistanceBias.from_config(layer.get_config())
    assert copy.get_config() == layer.get_config()
    assert copy.max_length == 7
