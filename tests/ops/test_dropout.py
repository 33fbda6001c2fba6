"""Dropout: shares, means and seeds."""

import numpy as np
import pytest
import tensorflow as tf

from tfxdr.ops.dropout import check_rate, dropout

SEED = tf.constant([1, 2])


def test_without_seed_or_rate_nothing_happens():
    x = tf.constant([1.0, 2.0])
    assert dropout(x, 0.5, None) is x
    assert dropout(x, 0.0, SEED) is x


def test_a_share_becomes_zero_and_the_mean_stays():
    result = dropout(tf.ones([200, 200]), 0.2, SEED).numpy()
    assert set(np.unique(result)) == {np.float32(0), np.float32(1.25)}
    # Standard errors: 0.002 and 0.0025.
    assert np.mean(result == 0) == pytest.approx(0.2, abs=0.01)
    assert result.mean() == pytest.approx(1.0, abs=0.0125)


def test_the_seed_decides():
    x = tf.ones([50])
    same = [dropout(x, 0.5, SEED) for _ in range(2)]
    np.testing.assert_array_equal(*same)
    other = dropout(x, 0.5, tf.constant([1, 3]))
    assert np.any(same[0] != other)


def test_a_graph_draws_as_eager_does():
    x = tf.random.stateless_normal([7, 9], SEED)
    graph = tf.function(lambda x, seed: dropout(x, 0.3, seed))
    np.testing.assert_array_equal(graph(x, SEED), dropout(x, 0.3, SEED))


def test_xla_drops_the_same_share():
    graph = tf.function(lambda x: dropout(x, 0.2, SEED), jit_compile=True)
    result = graph(tf.ones([200, 200])).numpy()
    assert np.mean(result == 0) == pytest.approx(0.2, abs=0.01)
    assert result.max() == np.float32(1.25)


@pytest.mark.parametrize("rate", [-0.1, 1, 2.0])
def test_what_is_no_rate_is_refused(rate):
    with pytest.raises(ValueError, match=rf"dropout .* received {rate}"):
        check_rate(rate)
