"""What every policy is, and every baseline that needs no training."""

from __future__ import annotations

import abc
from typing import Protocol

import tensorflow as tf

from tfxdr.ops.ragged import Ragged
from tfxdr.types import Context, Scorer


class Rollout(Protocol):
    """Ranks a batch's positives under other actions, without gradient.

    Attributes:
      top_k: the last rank that counts as correct by default: 5 of items, 1 of
        a user's class.
    """

    top_k: int

    def __call__(self, actions: tf.Tensor) -> tf.Tensor:
        """Ranks.

        Args:
          actions: `[batch, blocks]` in [0, 1].

        Returns:
          `[batch, targets]` int32: 1 is best, 0 stands at padding.
        """
        ...


class Policy(tf.Module):
    """Decides which residual blocks run tuned (UAF section 3.2.2).

    A policy overrides `call`, which decides user by user and needs two towers;
    or `static_actions`, which decides for all and needs one. Variables that it
    keeps in attributes, made in `__init__` or at the first `call`, are trained
    and saved with the model.

    Attributes:
      pretrained: `False` if the backbone starts from random weights.
      train_embeddings: whether the item embedding is tuned where
        `--train_embeddings` leaves it open.
      has_network: whether a policy network is trained to give the logits;
        otherwise they are zeros.
      train_network_embedding: whether the items' vectors that the network
        reads are trained where `--policy_embedding` leaves it open. What
        learns by gradients of the loss remembers training users by them.
      is_hard: whether actions are exactly 0 or 1 at inference; each block
        then runs once for each user there, tuned or frozen, instead of twice.
      is_hard_in_training: whether they are so in training, too, and get no
        gradient; each block then runs once for each user there, too, as far
        as it has no dropout.
      is_told: whether it knows what others have to find out, so that it is a
        ceiling and no competitor.
      num_candidates: how many sampled items `rollout` ranks a positive among.
      source_weight: of the source domain's own loss, which is added to that
        of the target domain; 0 leaves it out.
    """

    pretrained: bool = True
    train_embeddings: bool = True
    has_network: bool = True
    train_network_embedding: bool = False
    is_hard: bool = False
    is_hard_in_training: bool = False
    is_told: bool = False
    num_candidates: int = 0
    source_weight: float = 0.0

    def static_actions(self, num_blocks: int) -> tuple[int, ...] | None:
        """The action of every block, bottom first, the same for all users.

        Returns:
          1 for a block that is tuned, 0 for one that stays frozen; or `None` if
          `call` decides.

        Raises:
          InputError: if the policy asks for more blocks than there are.
        """
        del num_blocks
        return None

    def call(
        self, logits: tf.Tensor, context: Context, training: bool
    ) -> tf.Tensor:
        """Actions of every user.

        Args:
          logits: `[batch, blocks, 2]`; index 0 is to tune, 1 to freeze.
          context: history, seed, step and epoch.
          training: whether gradients will be taken. Inference has to be
            deterministic.

        Returns:
          `[batch, blocks]` float32 in [0, 1]; 1 runs the tuned block.
        """
        raise NotImplementedError(
            f"{type(self).__name__} should override call or static_actions"
        )

    def extra_loss(
        self,
        logits: tf.Tensor,
        actions: tf.Tensor,
        rollout: Rollout,
        context: Context,
    ) -> tf.Tensor | float:
        """What is added to the loss of a training step; nothing by default.

        Args:
          logits: as given to `call`.
          actions: as `call` returned them.
          rollout: ranks of the batch's positives under other actions.
          context: as given to `call`.

        Returns:
          A scalar.
        """
        del logits, actions, rollout, context
        return 0.0


def greedy_actions(logits: tf.Tensor) -> tf.Tensor:
    """The more probable action of each block; a tie is tuned.

    Maps `[batch, blocks, 2]` to `[batch, blocks]` float32, 0 or 1.
    """
    return tf.cast(logits[..., 0] >= logits[..., 1], tf.float32)


class Baseline(abc.ABC):
    """A ranking that is counted, not trained; takes a policy's place."""

    @abc.abstractmethod
    def fit(
        self,
        history: Ragged,
        train_targets: Ragged,
        num_source_items: int,
        num_target_items: int,
    ) -> Scorer:
        """Counts.

        Args:
          history: source items of each user, oldest first.
          train_targets: the same users' training positives.
          num_source_items: size of the source table, ids 0 and 1 included.
          num_target_items: likewise of the target table.

        Returns:
          What scores the target catalogue for left-padded histories.
        """
