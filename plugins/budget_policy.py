"""A policy that tunes a few blocks of each user, and no more."""

import tensorflow as tf

import tfxdr
from tfxdr.ops.gumbel import straight_through

tfxdr.require_interface("1.0")


@tfxdr.policies.register("budget")
class Budget(tfxdr.Policy):
    """Tunes the blocks that a user's logits ask for most, a few at most."""

    is_hard = True  # actions are 0 or 1: at inference a block runs once

    def __init__(self, blocks: int = 2, temperature: float = 1.0) -> None:
        """Keeps the options.

        Args:
          blocks: how many are tuned for one user, at most.
          temperature: of the sigmoid that gradients go through; a high one
            lets them reach blocks that are far from being chosen.

        Raises:
          ValueError: if an option is out of range.
        """
        if blocks < 1:
            raise ValueError(f"blocks should be >= 1, received {blocks}")
        if temperature <= 0:
            raise ValueError(
                f"temperature should be above 0, received {temperature}"
            )
        self.blocks = blocks
        self.temperature = temperature

    def call(
        self, logits: tf.Tensor, context: tfxdr.Context, training: bool
    ) -> tf.Tensor:
        """1 for the top `blocks` of those that would rather be tuned."""
        wish = logits[..., 0] - logits[..., 1]  # above 0: to be tuned
        num_blocks = wish.shape[1]
        top = tf.math.top_k(wish, k=min(self.blocks, num_blocks)).indices
        in_budget = tf.reduce_max(tf.one_hot(top, num_blocks), axis=1)
        chosen = in_budget * tf.cast(wish >= 0, tf.float32)
        if not training:
            return chosen
        return straight_through(chosen, tf.sigmoid(wish / self.temperature))
