"""A weight for each category of source items."""

from __future__ import annotations

import tensorflow as tf
from tensorflow import keras

from tfxdr.layers.behavior_perceptron import bounded, share_out


class CategoryWeights(keras.layers.Layer):
    """A table with the log-importance of each category.

    It starts at 0, where all behaviors count the same.

    Attributes:
      prior: scalar, how much the source domain counts as a whole; it starts
        at 1.
      table: `[categories]`.

    Args:
      num_categories: with the reserved 0 (none) and 1 (unknown).
      bound: of a log-importance, as in `BehaviorPerceptron`.
      name: layer name.

    Raises:
      ValueError: if the bound is below 0.
    """

    def __init__(
        self,
        num_categories: int,
        bound: float = 0.0,
        *,
        name: str = "category_weights",
        **kwargs,
    ) -> None:
        super().__init__(name=name, **kwargs)
        if not bound >= 0:
            raise ValueError(f"bound should be >= 0, received {bound}")
        self.num_categories = num_categories
        self.bound = bound

    def build(self, input_shape: tf.TensorShape) -> None:
        self.prior = self.add_weight("prior", [], initializer="ones")
        self.table = self.add_weight(
            "table", [self.num_categories], initializer="zeros"
        )
        super().build(input_shape)

    def call(self, category: tf.Tensor) -> tf.Tensor:
        """The log-importance of each category of `[batch]`, float32."""
        return bounded(tf.gather(self.table, category), self.bound)

    def weights_of(self, log_importance: tf.Tensor) -> tf.Tensor:
        """`relu(prior)` times the softmax over the batch, `[batch]`."""
        return share_out(self.prior, log_importance)

    def get_config(self) -> dict:
        return {
            **super().get_config(),
            "num_categories": self.num_categories,
            "bound": self.bound,
        }
