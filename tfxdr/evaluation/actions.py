"""Which blocks a policy chose for the test users, and how much they differ."""

from __future__ import annotations

import dataclasses

import numpy as np

from tfxdr import errors
from tfxdr.evaluation import division
from tfxdr.evaluation.arrays import SavedArrays
from tfxdr.evaluation.batching import padded_batches
from tfxdr.evaluation.binary import auc
from tfxdr.evaluation.groups import Groups
from tfxdr.ops.ragged import Ragged
from tfxdr.types import Decider

# A straight-through estimator adds and subtracts probabilities around 0 or 1.
_ROUNDING = 1e-6
# Of an action across all users: below, nobody is treated in their own way.
_COLLAPSED_SPREAD = 0.01


@dataclasses.dataclass(frozen=True)
class Actions(SavedArrays):
    """What a policy answered for each test user.

    Attributes:
      users: `[users]` int32 rows of the users.
      actions: `[users, blocks]` float32 in [0, 1], the bottom block first;
        1 is the tuned block, 0 the frozen one.
      history_length: `[users]` int32, the source items that the policy read,
        without padding.

    Raises:
      ValueError: the shapes do not fit, there is no block, or an action lies
        outside [0, 1].
    """

    what = "actions"
    types = {
        "users": np.int32,
        "actions": np.float32,
        "history_length": np.int32,
    }

    users: np.ndarray
    actions: np.ndarray
    history_length: np.ndarray

    def __post_init__(self) -> None:
        shape = np.shape(self.actions)
        lengths = np.shape(self.users), np.shape(self.history_length)
        if len(shape) != 2 or not shape[1] or lengths != 2 * (shape[:1],):
            raise ValueError(
                "actions should have the shape [users, blocks], users and "
                f"history_length [users]. Received: {shape}, {lengths[0]} and "
                f"{lengths[1]}"
            )
        inside = np.abs(self.actions - 0.5) <= 0.5 + _ROUNDING  # not for NaN
        if not inside.all():
            raise ValueError(
                "actions should lie between 0 and 1. Received: "
                f"{self.actions[~inside][0]}"
            )

    def __len__(self) -> int:
        return len(self.actions)

    @property
    def num_blocks(self) -> int:
        """How many blocks the backbone has."""
        return self.actions.shape[1]

    def rates_by_group(self, groups: Groups) -> dict[str, np.ndarray]:
        """`[blocks]` float64 mean actions of each group with a test user.

        Args:
          groups: of all users.
        """
        return {
            name: self.actions[here].mean(0, dtype=np.float64)
            for name, here in groups.take(self.users).items()
        }

    def block_aucs(self, groups: Groups) -> list[float]:
        """How well each block's actions tell who should be tuned.

        Blocks can take opposite roles, so that their mean would say nothing.

        Args:
          groups: of all users.

        Returns:
          One AUC for each block; none if it is not known who should be tuned,
          or the test users are all alike in it.
        """
        truth = groups.truth(self.users)
        if truth is None:
            return []
        known, label = truth
        return [auc(label, block) for block in self.actions[known].T]

    @property
    def is_hard(self) -> bool:
        """Whether every action is 0 or 1."""
        distance = np.abs(np.abs(self.actions - 0.5) - 0.5)
        return bool((distance <= _ROUNDING).all())

    @property
    def tuned(self) -> np.ndarray:
        """`[users, blocks]` bool: actions of 0.5 and more count as tuned.

        The tie goes where the arg max of two equal logits goes.
        """
        return self.actions >= 0.5

    @property
    def rates(self) -> np.ndarray:
        """`[blocks]` float64, the mean action of each block over all users.

        For hard actions it is the share of users that run the block tuned,
        UAF's utilization rate (Fig. 3).

        Raises:
          InputError: there is not one user.
        """
        if not len(self):
            raise errors.InputError(
                "there are no actions to describe: the split holds no user; "
                "give it a larger share of the data (--split_fractions)"
            )
        return np.clip(self.actions.mean(axis=0, dtype=np.float64), 0.0, 1.0)


def collect_actions(
    decide: Decider,
    history: Ragged,
    users: np.ndarray,
    *,
    batch_size: int = 256,
) -> Actions:
    """Asks a policy about users.

    Args:
      decide: maps int32 histories `[batch, length]`, left-padded with 0, to
        actions `[batch, blocks]`.
      history: source ids per user, oldest first.
      users: `[n]` rows of `history`.
      batch_size: users per call, at most.

    Raises:
      InputError: there is no user.
    """
    if not len(users):
        raise errors.InputError(
            "there are no actions to look at: the split holds no user; give "
            "it a larger share of the data (--split_fractions)"
        )
    batches = padded_batches(history, users, batch_size)
    parts = [
        (places, np.asarray(decide(padded), np.float32))
        for places, padded in division.own(batches)
    ]
    if not parts:  # There are more workers than batches.
        _, padded = next(padded_batches(history, users[:1], 1))
        parts = [(np.zeros(0, int), np.asarray(decide(padded), np.float32)[:0])]
    actions = np.zeros((len(users), parts[0][1].shape[1]), np.float32)
    for places, rows in parts:
        actions[places] = rows
    return Actions(
        users=np.asarray(users, np.int32),
        actions=division.joined(actions),
        history_length=history.lengths[users].astype(np.int32),
    )


def action_metrics(actions: Actions) -> dict[str, float]:
    """How much is tuned, and how much users differ in it.

    Args:
      actions: of all test users.

    Returns:
      `actions/mean`: the mean over all users and blocks.
      `actions/variance`: of each block's action across users (divided by the
        number of users), averaged over blocks; at most 0.25.
      `actions/entropy`: of a coin that shows tuned with a block's mean
        action, in bits, averaged over blocks. Hard actions that are the same
        for all users give 0, as many tuned as frozen in every block give 1.
        A soft gate stuck at 0.5 gives 1 too: look at the variance beside it.
      `actions/distinct`: how many different rows of blocks there are once
        actions are rounded to 0 or 1 (0.5 to 1); a whole number from 1 on.

    Raises:
      InputError: there is not one user.
    """
    rates = actions.rates
    variance = actions.actions.var(axis=0, dtype=np.float64)
    rows = np.packbits(actions.tuned, axis=1)  # fewer columns to sort by
    return {
        "actions/mean": float(rates.mean()),
        "actions/variance": float(variance.mean()),
        "actions/entropy": float(_binary_entropy(rates).mean()),
        "actions/distinct": float(len(np.unique(rows, axis=0))),
    }


def collapse_warning(actions: Actions) -> str | None:
    """Says in one sentence that all users get the same actions.

    They do if no block's action differs between any two users by 0.01 or
    more; fewer than two users say nothing about that.
    """
    if len(actions) < 2:
        return None
    spread = np.ptp(actions.actions, axis=0)
    if spread.max() >= _COLLAPSED_SPREAD:
        return None
    return (
        f"the policy has collapsed: all {len(actions)} test users get the "
        f"actions {_pattern(actions)} (bottom block first, 1 is tuned), so "
        "nothing is personal; try another temperature, a lower learning "
        "rate, or for reinforcement learning a later policy_start_epoch or "
        "another gamma"
    )


def _binary_entropy(share: np.ndarray) -> np.ndarray:
    """In bits; `share` is float64 in [0, 1]."""
    both = np.stack([share, 1.0 - share])
    logs = np.log2(both, out=np.zeros_like(both), where=both > 0.0)
    return -(both * logs).sum(axis=0)


def _pattern(actions: Actions) -> str:
    if actions.is_hard:
        return "".join(str(int(tuned)) for tuned in actions.tuned[0])
    return " ".join(f"{rate:.2f}" for rate in actions.rates)
