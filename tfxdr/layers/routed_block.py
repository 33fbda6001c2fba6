"""A residual block in two versions, mixed user by user."""

from __future__ import annotations

import tensorflow as tf
from tensorflow import keras


class RoutedBlock(keras.layers.Layer):
    """`I F_tuned(E) + (1 - I) F_frozen(E)` of UAF Eq. 6.

    The skip connection stands outside, as for every block. With actions of
    exactly 0 or 1 the result is that of the one mapping, to the bit.

    Args:
      frozen: the pre-trained mapping; it never changes.
      tuned: its twin, which is trained.
      name: layer name.
    """

    def __init__(
        self,
        frozen: keras.layers.Layer,
        tuned: keras.layers.Layer,
        *,
        name: str | None = None,
        **kwargs,
    ) -> None:
        super().__init__(name=name, **kwargs)
        frozen.trainable = False
        self.frozen = frozen
        self.tuned = tuned

    def call(
        self,
        hidden: tf.Tensor,
        action: tf.Tensor,
        mask: tf.Tensor | None = None,
        seed: tf.Tensor | None = None,
    ) -> tf.Tensor:
        """Maps `[batch, length, d]` to the same shape.

        Args:
          hidden: the block's input.
          action: `[batch]` in [0, 1]; 1 takes the tuned mapping.
          mask: `[batch, length]` bool, true where an item is.
          seed: `[2]` int32 of dropout, the same in both; none at inference.
        """
        share = tf.cast(action, hidden.dtype)[:, tf.newaxis, tf.newaxis]
        tuned = self.tuned(hidden, mask=mask, seed=seed)
        frozen = self.frozen(hidden, mask=mask, seed=seed)
        return share * tuned + (1.0 - share) * frozen


def twin(block: keras.layers.Layer, width: int) -> keras.layers.Layer:
    """A block of the same options and weights, with variables of its own.

    Args:
      block: built.
      width: of its input.
    """
    config = block.get_config()
    copy = type(block).from_config(config | {"name": f"{block.name}_tuned"})
    copy(tf.zeros([1, 1, width]))
    copy.set_weights(block.get_weights())
    return copy
