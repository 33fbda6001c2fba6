"""What orders a catalogue: popularity, and a linear logit on top."""

import numpy as np
import tensorflow as tf

from tfxdr.layers.ranking_head import RankingHead


def test_it_starts_from_what_popularity_says():
    head = RankingHead(np.array([0, 0, 3, 7]))
    # One more of each: 1, 1, 4 and 8 of 14, by their mean 3.5.
    expected = np.log(np.array([1, 1, 4, 8]) / 3.5)
    nothing = head(tf.zeros([4, 2]), tf.range(4))
    np.testing.assert_allclose(nothing, expected, rtol=1e-6)


def test_a_linear_logit_is_added_and_it_alone_is_trained():
    head = RankingHead(np.array([0, 0, 3, 7]))
    head(tf.zeros([1, 2]), tf.constant([0]))
    head.set_weights([np.array([[2.0], [-1.0]]), np.array([0.5]), head.prior])
    found = head(tf.constant([[1.0, 3.0]]), tf.constant([3]))
    np.testing.assert_allclose(found, [np.log(8 / 3.5) + 2 - 3 + 0.5], 1e-6)
    assert [tuple(v.shape) for v in head.trainable_variables] == [(2, 1), (1,)]
