"""What a part of a batch is given of the whole."""

import numpy as np
import pytest
import tensorflow as tf

from tfxdr.ops import parts
from tfxdr.ops.dropout import dropout
from tfxdr.ops.gumbel import sample_gumbel

SEED = tf.constant([3, 9])


def _part(first, rows, total, add=lambda tensors: tensors, present=1.0):
    return parts.Part(
        tf.constant(first),
        tf.constant(rows),
        tf.constant(total),
        tf.constant(present),
        leads=first == 0,
        add=add,
    )


@pytest.mark.parametrize("shape", [[7], [7, 3], [7, 5, 2], [7, 4]])
@pytest.mark.parametrize(("first", "rows"), [(0, 7), (2, 3), (6, 1)])
def test_draws_are_those_of_the_rows(shape, first, rows):
    """Wherever they begin between the numbers of one counter."""
    whole = tf.random.stateless_uniform(shape, SEED)
    with parts.entered(_part(first, rows, 7)):
        own = parts.uniform([rows, *shape[1:]], SEED)
    np.testing.assert_array_equal(own, whole[first : first + rows])


def test_dropout_and_noise_are_those_of_the_rows():
    x = tf.random.stateless_normal([7, 3], SEED)
    whole = dropout(x, 0.4, SEED), sample_gumbel([7, 3], SEED)
    with parts.entered(_part(2, 3, 7)):
        own = dropout(x[2:5], 0.4, SEED), sample_gumbel([3, 3], SEED)
    for part, all_of_it in zip(own, whole, strict=True):
        np.testing.assert_array_equal(part, all_of_it[2:5])


def test_a_whole_batch_is_left_alone():
    assert parts.current() is None
    assert parts.leads()
    mean = tf.constant(2.0)
    assert parts.weighed(mean, tf.constant(3.0)) is mean
    assert parts.counted_by(mean, tf.constant(3.0), tf.constant(1.0)) is mean


def test_a_part_adds_its_share_of_a_mean():
    """The other one has 3 more, as the sum over both says."""
    with parts.entered(_part(0, 1, 4, lambda tensors: [tensors[0] + 3.0])):
        assert float(parts.weighed(tf.constant(8.0), tf.constant(1))) == 2.0


def test_a_part_that_repeats_a_row_adds_nothing():
    part = _part(0, 1, 1, lambda tensors: [tensors[0] + 1.0], present=0.0)
    with parts.entered(part):
        assert float(parts.weighed(tf.constant(8.0), tf.constant(1))) == 0.0
        values = tf.constant([5.0])
        share = parts.proportions(values)
        np.testing.assert_array_equal(share, [5.0])  # of the other's 1


def test_a_mean_of_other_things_is_weighed_twice():
    """2 of 8 positions, but 1 of 2 rows: half as much as rows would say."""
    part = _part(0, 1, 2, lambda tensors: [tensors[0] + 6.0, tensors[1] + 1.0])
    with parts.entered(part):
        mean = parts.counted_by(
            tf.constant(1.0), tf.constant(2.0), tf.constant(1.0)
        )
    assert float(mean) == pytest.approx(0.5)
