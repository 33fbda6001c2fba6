"""The head's first scores."""

import numpy as np
import tensorflow as tf

from tfxdr.layers.target_head import TargetHead


def test_scores_can_start_from_popularity():
    head = TargetHead(5)
    user = tf.random.stateless_normal([3, 4], [1, 2])
    head(user)
    before = head.kernel.numpy()
    head.start_from_popularity(np.array([0, 0, 7, 3, 0]))
    smoothed = np.array([1, 1, 8, 4, 1]) / 3
    np.testing.assert_allclose(head.bias, np.log(smoothed), rtol=1e-6)
    np.testing.assert_allclose(head.kernel, 0.1 * before, rtol=1e-6)
    # Whoever the user, the most frequent item is first.
    assert np.argmax(head(user), axis=1).tolist() == [2, 2, 2]
