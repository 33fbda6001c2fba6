"""UAF-RL (section 3.3.2)."""

from __future__ import annotations

import tensorflow as tf

from tfxdr.ops import parts
from tfxdr.policies.base import Policy, Rollout, greedy_actions
from tfxdr.registry import policies
from tfxdr.types import Context


@policies.register("rl-scst")
class SelfCritical(Policy):
    """Actions learned by self-critical REINFORCE (UAF Eq. 11-13).

    Training samples `A^s ~ pi`; `A^` is the arg max, which inference takes.
    With the reward R of Eq. 11, the loss gets

        beta * -sum_l log p(A^s_l) (R(A^s) - R(A^))

    averaged over instances, as the other loss is. A recommendation is correct
    if its positive ranks in the top k among itself and sampled negatives, as
    in the authors' code.
    """

    is_hard = True
    is_hard_in_training = True
    # One reward for a user and their actions is too little to remember users
    # by, and needs what the network can learn.
    train_network_embedding = True

    def __init__(
        self,
        gamma: float = 10.0,
        beta: float = 1.0,
        top_k: int | None = None,
        num_negatives: int = 99,
        policy_start_epoch: int = 0,
        reversed_reward: bool = False,
    ) -> None:
        """Keeps the options.

        Args:
          gamma: the penalty of a wrong recommendation; with 1, a tuned block
            seldom turns enough of them right to be worth its price.
          beta: weight of the policy's loss.
          top_k: the last correct rank; none: 5 of items, 1 of classes.
          num_negatives: sampled items that the positive is ranked among.
          policy_start_epoch: epochs before the policy's loss sets in, while
            the tuned blocks learn under sampled actions; 5 in earlier
            versions.
          reversed_reward: descend on the reward in place of climbing, as the
            authors' code does.

        Raises:
          ValueError: if an option is out of its range.
        """
        if not 1 <= (5 if top_k is None else top_k) <= num_negatives:
            raise ValueError(
                "top_k (5 if not set) should be at least 1 and at most "
                "num_negatives, or every answer is correct; received "
                f"top_k={top_k} and num_negatives={num_negatives}"
            )
        if policy_start_epoch < 0:
            raise ValueError(
                "policy_start_epoch counts from 0, received "
                f"{policy_start_epoch}"
            )
        if beta < 0:
            raise ValueError(f"beta should not be below 0, received {beta}")
        self.gamma = gamma
        self.beta = beta
        self.top_k = top_k
        self.num_candidates = num_negatives
        self.policy_start_epoch = policy_start_epoch
        self._sign = -1.0 if reversed_reward else 1.0

    def call(
        self, logits: tf.Tensor, context: Context, training: bool
    ) -> tf.Tensor:
        if not training:
            return greedy_actions(logits)
        margin = logits[..., 0] - logits[..., 1]
        uniform = parts.uniform(tf.shape(margin), context.seed)
        return tf.cast(uniform < tf.sigmoid(margin), tf.float32)

    def extra_loss(
        self,
        logits: tf.Tensor,
        actions: tf.Tensor,
        rollout: Rollout,
        context: Context,
    ) -> tf.Tensor:
        started = context.epoch >= self.policy_start_epoch
        return tf.cond(
            started,
            lambda: self.beta * self._scst(logits, actions, rollout),
            lambda: 0.0,
        )

    def _scst(
        self, logits: tf.Tensor, actions: tf.Tensor, rollout: Rollout
    ) -> tf.Tensor:
        """Eq. 12, averaged over instances."""
        baseline = greedy_actions(logits)
        top_k = rollout.top_k if self.top_k is None else self.top_k
        sampled_rank = rollout(actions)
        sampled = reward(sampled_rank <= top_k, actions, self.gamma)
        greedy = reward(rollout(baseline) <= top_k, baseline, self.gamma)
        real = tf.cast(sampled_rank > 0, tf.float32)
        gain = self._sign * (sampled - greedy)
        advantage = tf.reduce_sum(gain * real, axis=1)
        loss = -tf.reduce_sum(log_prob(logits, actions) * advantage)
        return loss / tf.maximum(tf.reduce_sum(real), 1.0)


def reward(correct: tf.Tensor, actions: tf.Tensor, gamma: float) -> tf.Tensor:
    """The reward of each instance (UAF Eq. 11).

    `1 - (share of tuned blocks)^2` if correct, else `-gamma`.

    Args:
      correct: `[batch, targets]` bool.
      actions: `[batch, blocks]`, 0 or 1.
      gamma: the penalty.

    Returns:
      `[batch, targets]` float32.
    """
    share = tf.reduce_mean(actions, axis=1)[:, tf.newaxis]
    return tf.where(correct, 1.0 - tf.square(share), -gamma)


def log_prob(logits: tf.Tensor, actions: tf.Tensor) -> tf.Tensor:
    """`sum_l log p(A_l)` of given actions: `[batch]`."""
    both = tf.nn.log_softmax(logits)
    chosen = tf.where(actions > 0.5, both[..., 0], both[..., 1])
    return tf.reduce_sum(chosen, axis=1)
