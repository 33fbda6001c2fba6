"""Policies that decide the same for every user (UAF section 4.2)."""

from __future__ import annotations

from tfxdr.errors import InputError
from tfxdr.policies.base import Policy
from tfxdr.registry import policies


@policies.register("zero")
class Zero(Policy):
    """Finetune-Zero: all is trained, from random weights."""

    pretrained = False

    def static_actions(self, num_blocks: int) -> tuple[int, ...]:
        return (1,) * num_blocks


@policies.register("cls")
class Cls(Policy):
    """Finetune-CLS: a new target head over the frozen backbone."""

    train_embeddings = False

    def static_actions(self, num_blocks: int) -> tuple[int, ...]:
        return (0,) * num_blocks


@policies.register("last-N")
class Last(Policy):
    """Finetune-Last-N: the last N blocks and the head are tuned."""

    train_embeddings = False

    def __init__(self, num_tuned: int) -> None:
        """Keeps N.

        Args:
          num_tuned: how many blocks, from the top.

        Raises:
          InputError: if it is below 1.
        """
        if num_tuned < 1:
            raise InputError(
                f"--policy=last-{num_tuned}: N should be 1 or more; for none "
                "use --policy=cls"
            )
        self.num_tuned = num_tuned

    def static_actions(self, num_blocks: int) -> tuple[int, ...]:
        if self.num_tuned > num_blocks:
            raise InputError(
                f"--policy=last-{self.num_tuned} asks for more blocks than "
                f"the backbone has ({num_blocks}); use --policy=all or a "
                "smaller N"
            )
        frozen = num_blocks - self.num_tuned
        return (0,) * frozen + (1,) * self.num_tuned


@policies.register("all")
class All(Policy):
    """Finetune-All: the pre-trained backbone is tuned as a whole."""

    def static_actions(self, num_blocks: int) -> tuple[int, ...]:
        return (1,) * num_blocks
