"""What a pair's logit is before its user and item meet."""

from __future__ import annotations

import numpy as np
import tensorflow as tf


class PairBias(tf.Module):
    """A bias of users and one of items, given and not trained.

    Attributes:
      user: `[users]` float, that of all included.
      item: `[items]` float.

    Args:
      user: `[users]`, by row of the user table.
      item: `[items]`, by row of the item table.
      name: of the module.
    """

    def __init__(
        self, user: np.ndarray, item: np.ndarray, *, name: str = "pair_bias"
    ) -> None:
        super().__init__(name=name)
        self.user, self.item = (
            tf.Variable(values, trainable=False, dtype=tf.float32, name=part)
            for part, values in (("user", user), ("item", item))
        )

    def __call__(self, user: tf.Tensor, item: tf.Tensor) -> tf.Tensor:
        """The part of a logit that needs no pair, `[batch]`.

        Args:
          user: `[batch]` int32.
          item: `[batch]` int32.
        """
        return tf.gather(self.user, user) + tf.gather(self.item, item)
