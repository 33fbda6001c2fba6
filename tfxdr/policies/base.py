"""What every policy is, and every baseline that needs no training."""

from __future__ import annotations

import abc
from typing import Any

from tfxdr.types import Scorer


class Policy(abc.ABC):
    """Decides which residual blocks run tuned (UAF section 3.2.2).

    Attributes:
      pretrained: false if the backbone starts from random weights.
      train_embeddings: whether the item embedding is tuned where
        `--train_embeddings` leaves it open.
    """

    pretrained: bool = True
    train_embeddings: bool = True

    @abc.abstractmethod
    def static_actions(self, num_blocks: int) -> tuple[int, ...]:
        """The action of every block, bottom first, the same for all users.

        1 tunes a block, 0 keeps it frozen. Such a model has one tower.

        Raises:
          InputError: if the policy asks for more blocks than there are.
        """


class Baseline(abc.ABC):
    """A ranking that is counted, not trained; takes a policy's place."""

    @abc.abstractmethod
    def fit(
        self,
        history: Any,
        train_targets: Any,
        num_source_items: int,
        num_target_items: int,
    ) -> Scorer:
        """Counts.

        Args:
          history: ragged rows of source items, one per user, as `values` and
            `offsets`.
          train_targets: ragged rows of the same users' training positives.
          num_source_items: size of the source table, reserved ids included.
          num_target_items: likewise of the target table.

        Returns:
          What scores the target catalogue for a history.
        """
