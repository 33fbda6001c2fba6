"""UAF-Random (section 5.3.1)."""

from __future__ import annotations

import tensorflow as tf

from tfxdr.ops import parts
from tfxdr.ops.hashing import hash_history, random_bits
from tfxdr.policies.base import Policy
from tfxdr.registry import policies
from tfxdr.types import Context


@policies.register("random")
class Random(Policy):
    """Each block of each user by the toss of a fair coin.

    `I ~ Bernoulli(1/2)`, fixed by a hash of the history and the run's seed: a
    user gets the same actions in training, evaluation and serving. The paper
    fixes the generator's seed instead, and finds that other draws in
    evaluation than in training do much worse; its authors' code draws anew.
    """

    has_network = False
    is_hard = True
    is_hard_in_training = True

    def __init__(self, fresh: bool = False, run_seed: int = 0) -> None:
        """Keeps the options.

        Args:
          fresh: toss anew in every step of training, as the authors' code
            does; at inference the hash decides, so that an answer stays the
            same.
          run_seed: the run's.
        """
        self.fresh = fresh
        self.run_seed = run_seed

    def call(
        self, logits: tf.Tensor, context: Context, training: bool
    ) -> tf.Tensor:
        if training and self.fresh:
            shape = tf.shape(logits)[:2]
            uniform = parts.uniform(shape, context.seed)
            return tf.cast(uniform < 0.5, tf.float32)
        hashes = hash_history(context.history, self.run_seed)
        return random_bits(hashes, logits.shape[1])
