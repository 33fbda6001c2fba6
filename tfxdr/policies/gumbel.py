"""UAF-Gumbel (section 3.3.1)."""

from __future__ import annotations

import tensorflow as tf

from tfxdr.ops.gumbel import gumbel_softmax
from tfxdr.ops.hashing import hash_history, random_uniforms
from tfxdr.policies.base import Policy, greedy_actions
from tfxdr.registry import policies
from tfxdr.types import Context

_NOISE_SEED = 1


@policies.register("gumbel")
class Gumbel(Policy):
    """Straight-through Gumbel-softmax over tune and freeze (UAF Eq. 9-10).

    Training samples `z = one_hot(argmax_i(g_i + log pi_i))` and takes the
    gradient of `softmax((log pi + g) / temperature)`. Inference is the arg max
    of pi, without noise.
    """

    is_hard = True

    def __init__(
        self,
        temperature: float = 1.0,
        squash_logits: bool = False,
        noisy: bool = False,
    ) -> None:
        """Keeps the options.

        Args:
          temperature: tau of Eq. 10; the paper's is 10, whose backward pass
            is nearly flat.
          squash_logits: take `sigmoid(logits)` for `log pi`, as the authors'
            code does; it keeps pi between 0.27 and 0.73.
          noisy: sample at inference, too, as the authors' code does; there
            each call draws anew, here a hash of the history decides, so that
            a user's answer stays the same.

        Raises:
          ValueError: if the temperature is not above 0.
        """
        if temperature <= 0:
            raise ValueError(
                f"temperature should be above 0, received {temperature}"
            )
        self.temperature = temperature
        self.squash_logits = squash_logits
        self.noisy = noisy

    def call(
        self, logits: tf.Tensor, context: Context, training: bool
    ) -> tf.Tensor:
        scores = tf.sigmoid(logits) if self.squash_logits else logits
        if training:
            log_prob = tf.nn.log_softmax(scores)
            sample = gumbel_softmax(log_prob, self.temperature, context.seed)
            return sample[..., 0]
        if self.noisy:
            # The difference of two Gumbel draws is logistic.
            draws = _draws_of(context.history, logits.shape[1])
            margin = scores[..., 0] - scores[..., 1]
            return tf.cast(draws < tf.sigmoid(margin), tf.float32)
        return greedy_actions(logits)


def _draws_of(history: tf.Tensor, count: int) -> tf.Tensor:
    """`[batch, count]` in (0, 1), always the same for a history."""
    return random_uniforms(hash_history(history, _NOISE_SEED), count)
