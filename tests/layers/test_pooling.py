"""From positions to one vector."""

import numpy as np
import pytest
import tensorflow as tf

from tfxdr.layers.pooling import pool


def test_pooling_by_hand():
    hidden = tf.constant([[[9.0], [2.0], [4.0]], [[9.0], [9.0], [9.0]]])
    mask = tf.constant([[0, 5, 6], [0, 0, 0]]) != 0
    np.testing.assert_array_equal(pool(hidden, mask, "last"), [[4], [9]])
    np.testing.assert_array_equal(pool(hidden, mask, "mean"), [[3], [0]])
    with pytest.raises(ValueError, match="'last' or 'mean'.*'max'"):
        pool(hidden, mask, "max")
