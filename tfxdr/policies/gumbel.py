"""UAF-Gumbel (section 3.3.1)."""

from __future__ import annotations

import tensorflow as tf

from tfxdr.ops.gumbel import gumbel_softmax
from tfxdr.policies.base import Policy, greedy_actions
from tfxdr.registry import policies
from tfxdr.types import Context


@policies.register("gumbel")
class Gumbel(Policy):
    """Straight-through Gumbel-softmax over tune and freeze (UAF Eq. 9-10).

    Training samples `z = one_hot(argmax_i(g_i + log pi_i))` and takes the
    gradient of `softmax((log pi + g) / temperature)`. Inference is the arg max
    of pi, without noise, so that results are deterministic.
    """

    is_hard = True

    def __init__(
        self, temperature: float = 1.0, squash_logits: bool = False
    ) -> None:
        """Keeps the options.

        Args:
          temperature: tau of Eq. 10; the paper's is 10, whose backward pass
            is nearly flat.
          squash_logits: take `sigmoid(logits)` for `log pi`, as the authors'
            code does; it keeps pi between 0.27 and 0.73.

        Raises:
          ValueError: if the temperature is not above 0.
        """
        if temperature <= 0:
            raise ValueError(
                f"temperature should be above 0, received {temperature}"
            )
        self.temperature = temperature
        self.squash_logits = squash_logits

    def call(
        self, logits: tf.Tensor, context: Context, training: bool
    ) -> tf.Tensor:
        if not training:
            return greedy_actions(logits)
        scores = tf.sigmoid(logits) if self.squash_logits else logits
        log_prob = tf.nn.log_softmax(scores)
        return gumbel_softmax(log_prob, self.temperature, context.seed)[..., 0]
