"""What pre-training learns from, and what it is judged by."""

from __future__ import annotations

import dataclasses

import numpy as np

from tfxdr.errors import InputError
from tfxdr.ops.ragged import Ragged

USERS, LEAVE_ONE_OUT = "users", "leave-one-out"


@dataclasses.dataclass(frozen=True)
class PretrainSplit:
    """Rows of source items, two or more in each.

    Attributes:
      training: learned from.
      validation: the last item of each row is predicted from those before.
      test: likewise; `None` where whole users are held out.
    """

    training: Ragged
    validation: Ragged
    test: Ragged | None


def split_source(
    history: Ragged, split: str, share: float, seed: int
) -> PretrainSplit:
    """Splits the source domain.

    Args:
      history: rows of source items, all users.
      split: `users` or `leave-one-out`.
      share: of the users that `users` holds out.
      seed: of which users these are.

    Raises:
      InputError: if nothing is left to learn from or to be judged by.
    """
    if split == LEAVE_ONE_OUT:
        return leave_one_out(history)
    return hold_users_out(history, share, seed)


def hold_users_out(history: Ragged, share: float, seed: int) -> PretrainSplit:
    """Whole users for validation; rows below two items teach nothing."""
    usable = np.flatnonzero(history.lengths >= 2)
    if len(usable) < 2:
        raise InputError(
            f"pre-training needs at least two users with two source items or "
            f"more, found {len(usable)}; bring more source data, or use "
            "--policy=zero, which is not pre-trained"
        )
    rng = np.random.Generator(np.random.Philox(seed))
    shuffled = rng.permutation(usable)
    held = min(max(1, round(share * len(usable))), len(usable) - 1)
    return PretrainSplit(
        history.take(np.sort(shuffled[held:])),
        history.take(np.sort(shuffled[:held])),
        None,
    )


def leave_one_out(history: Ragged) -> PretrainSplit:
    """Of three items or more the last is the test, the one before validation.

    Shorter rows are trained on whole. A test row holds the validation item.
    """
    held = history.lengths >= 3
    kept = history.lengths - 2 * held
    training = history.first(kept).take(np.flatnonzero(kept >= 2))
    if not held.any() or not len(training):
        raise InputError(
            "--pretrain_split=leave-one-out: no user has the four source "
            "items that training, validation and test need; bring more "
            "source data, or use --pretrain_split=users"
        )
    test = history.take(np.flatnonzero(held))
    return PretrainSplit(training, split_last(test)[0], test)


def split_last(rows: Ragged) -> tuple[Ragged, Ragged]:
    """Rows without their last value, and the last values as rows of one."""
    return rows.first(rows.lengths - 1), rows.last(1)
