"""UAF-Soft (section 3.3.3)."""

from __future__ import annotations

import tensorflow as tf

from tfxdr.policies.base import Policy
from tfxdr.registry import policies
from tfxdr.types import Context


@policies.register("soft")
class Soft(Policy):
    """A gate for each block: `I = sigmoid(v)` (UAF Eq. 14-15).

    `v` is the logit of tuning, as in the authors' code; that of freezing takes
    no part.
    """

    def call(
        self, logits: tf.Tensor, context: Context, training: bool
    ) -> tf.Tensor:
        del context, training
        return tf.sigmoid(logits[..., 0])
