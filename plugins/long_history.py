"""An example of a policy of your own."""

import tensorflow as tf

import tfxdr

tfxdr.require_interface("1.0")


@tfxdr.policies.register("long-history")
class LongHistory(tfxdr.Policy):
    """Tunes every block for users with a long history, none for others."""

    has_network = False
    is_hard = True  # actions are 0 or 1: at inference a block runs once

    def __init__(self, least: int = 20):
        self.least = least

    def call(self, logits, context, training):
        length = tf.math.count_nonzero(context.history, axis=1)
        tuned = tf.cast(length >= self.least, tf.float32)
        return tf.repeat(tuned[:, tf.newaxis], logits.shape[1], axis=1)
