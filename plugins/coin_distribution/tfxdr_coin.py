"""A policy that tosses a coin for each user: tune all blocks, or none."""

import tensorflow as tf

import tfxdr
from tfxdr.ops.hashing import hash_history

tfxdr.require_interface("1.0")


@tfxdr.policies.register("coin")
class Coin(tfxdr.Policy):
    """Tunes every block for a share of the users, none for the others."""

    has_network = False
    is_hard = True

    def __init__(self, bias: float = 0.5, run_seed: int = 0) -> None:
        """Keeps the options.

        Args:
          bias: the share of users who are tuned, in [0, 1].
          run_seed: the run's; tfxdr gives it to a policy that asks for it.

        Raises:
          ValueError: if `bias` is out of range.
        """
        if not 0 <= bias <= 1:
            raise ValueError(f"bias should be in [0, 1], received {bias}")
        self.bias = bias
        self.run_seed = run_seed

    def call(
        self, logits: tf.Tensor, context: tfxdr.Context, training: bool
    ) -> tf.Tensor:
        """The toss depends on history and seed alone: it is never repeated."""
        toss = hash_history(context.history, self.run_seed)
        heads = tf.cast(toss, tf.float64) < self.bias * 2.0**32
        tuned = tf.cast(heads, tf.float32)[:, tf.newaxis]
        return tf.repeat(tuned, logits.shape[1], axis=1)
