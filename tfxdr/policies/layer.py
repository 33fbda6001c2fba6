"""A policy as a Keras layer, for a training loop of one's own."""

from __future__ import annotations

import tensorflow as tf
from tensorflow import keras

from tfxdr.policies.base import Policy
from tfxdr.registry import policies
from tfxdr.types import Context


class PolicyLayer(keras.layers.Layer):
    """Decides for each row which of a model's blocks run tuned.

    What it decides is the `action` of `tfxdr.layers.RoutedBlock`. In `fit` it
    draws anew at every step, and what it draws depends on the seed and the
    number of the step alone; at inference it is deterministic.

    Args:
      policy: as an object or as a text, such as `gumbel(temperature=5)`.
      seed: of what it draws.
      name: layer name.

    Raises:
      InputError: no policy has this name.
      ValueError: the policy needs more than its logits, as those do that
        learn from ranks.
    """

    def __init__(
        self,
        policy: Policy | str,
        *,
        seed: int = 0,
        name: str | None = None,
        **kwargs,
    ) -> None:
        super().__init__(name=name, **kwargs)
        if isinstance(policy, str):
            policy = policies.build(policy, run_seed=seed)
        if not isinstance(policy, Policy):
            raise ValueError(
                "policy should be one that decides, or its name. Received: "
                f"{policy!r}"
            )
        if type(policy).extra_loss is not Policy.extra_loss:
            raise ValueError(
                f"policy should learn by the model's own loss alone, and "
                f"{type(policy).__name__} adds one that needs ranks: train it "
                "by tfxdr.run"
            )
        self.policy = policy
        self.seed = seed
        self._step = self.add_weight(
            name="step", shape=[], dtype=tf.int32, trainable=False
        )

    def call(
        self,
        logits: tf.Tensor,
        history: tf.Tensor,
        training: bool | None = None,
    ) -> tf.Tensor:
        """Maps `[batch, blocks, 2]` to `[batch, blocks]` in [0, 1].

        Args:
          logits: index 0 is to tune, 1 to freeze.
          history: `[batch, length]` int32, which some policies read.
          training: whether gradients will be taken.
        """
        blocks = logits.shape[1]
        static = self.policy.static_actions(blocks)
        if static is not None:
            row = tf.constant([static], logits.dtype)
            return tf.repeat(row, tf.shape(logits)[0], axis=0)
        step = tf.convert_to_tensor(self._step if training else 0)
        seed = tf.random.experimental.stateless_fold_in(
            tf.constant([self.seed, 0]), step
        )
        context = Context(history, seed, step, tf.constant(0))
        if training:
            self._step.assign_add(1)
        return self.policy.call(logits, context, bool(training))
