"""The head that orders a catalogue from pairs of user and item."""

from __future__ import annotations

import numpy as np
import tensorflow as tf
from tensorflow import keras


class RankingHead(keras.layers.Layer):
    """A linear logit on top of what an item's popularity says.

    Against negatives that are drawn uniformly the right logit of an item that
    no user prefers to another is the log of its share of the positives, up to
    a constant. That part is given, and not trained.

    Attributes:
      prior: `[items]` float, log of an item's share times the number of items.

    Args:
      counts: `[items]` positives of training, of each target row; every item
        has one more than this.
      name: layer name.
    """

    def __init__(
        self, counts: np.ndarray, *, name: str = "ranking_head", **kwargs
    ) -> None:
        super().__init__(name=name, **kwargs)
        smooth = np.asarray(counts, np.float64) + 1.0
        # Logits stay in full precision under a mixed one.
        self._linear = keras.layers.Dense(1, dtype=keras.backend.floatx())
        self.prior = tf.Variable(
            np.log(smooth / smooth.mean()),
            trainable=False,
            dtype=keras.backend.floatx(),
            name="prior",
        )

    def call(self, vector: tf.Tensor, item: tf.Tensor) -> tf.Tensor:
        """Logits of target items.

        Args:
          vector: `[batch, d]` of user and item.
          item: `[batch]` int32.

        Returns:
          `[batch]`.
        """
        logit = tf.squeeze(self._linear(vector), axis=-1)
        return logit + tf.gather(self.prior, item)
