"""All users of prepared data, held or mapped."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import numpy as np

from tfxdr.data.splits import (
    TRAIN,
    UNUSED,
    hash_ids,
    lowest_fraction,
    training_draw,
)
from tfxdr.errors import InputError
from tfxdr.ops import mapped
from tfxdr.ops.ragged import Ragged
from tfxdr.types import FIRST_ITEM


@dataclasses.dataclass(frozen=True, eq=False)
class Users:
    """Users in the order of their raw ids; one row each everywhere.

    Attributes:
      ids: `[users]` object, raw ids as UTF-8 bytes.
      history: int32 source items, oldest first; a row may be empty.
      target: int32 target items, oldest first; a row may be empty.
      split: `[targets]` int8 beside `target.values`: 0 training, 1 validation,
        2 test, 3 left out by `keep_train_fraction`.
      attributes: name to `[users]` str; "" where unknown.
      history_time: `[events]` int64 beside `history.values`, if known.
      history_rating: `[events]` float32 beside `history.values`, if known.
      target_time: `[targets]` int64 beside `target.values`, if known.
      target_rating: `[targets]` float32 beside `target.values`, if known.
    """

    ids: np.ndarray
    history: Ragged
    target: Ragged
    split: np.ndarray
    attributes: dict[str, np.ndarray] = dataclasses.field(default_factory=dict)
    history_time: np.ndarray | None = None
    history_rating: np.ndarray | None = None
    target_time: np.ndarray | None = None
    target_rating: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.ids)

    def targets(self, split: int | Sequence[int]) -> Ragged:
        """The target items of one or several splits; rows stay one per user.

        Args:
          split: 0, 1, 2, 3 or several of them.
        """
        wanted = [split] if isinstance(split, int) else list(split)
        keep = mapped.beside(self.split, len(self.split), np.bool_)
        for part in mapped.parts(len(keep)):
            keep[part] = np.isin(self.split[part], wanted)
        return self.target.select(keep)

    def without_events(
        self, history_of: np.ndarray, target_of: np.ndarray
    ) -> Users:
        """All users, some without their events of a domain.

        Args:
          history_of: `[users]` bool, whose source events go.
          target_of: likewise of target events.
        """
        source = ~history_of[self.history.row_of_value]
        target = ~target_of[self.target.row_of_value]

        def kept(values: np.ndarray | None, keep: np.ndarray) -> Any:
            return None if values is None else values[keep]

        return dataclasses.replace(
            self,
            history=self.history.select(source),
            target=self.target.select(target),
            split=self.split[target],
            history_time=kept(self.history_time, source),
            history_rating=kept(self.history_rating, source),
            target_time=kept(self.target_time, target),
            target_rating=kept(self.target_rating, target),
        )

    def keep_train_fraction(self, fraction: float, seed: int = 0) -> Users:
        """Leaves only a share of the training instances in training.

        Those with the lowest hash of (seed, user, item) stay, so that smaller
        fractions are subsets of larger ones. The others get split 3: they are
        not trained on, but remain known positives of their user.

        Raises:
          InputError: `fraction` is not in (0, 1].
        """
        if not 0 < fraction <= 1:
            raise InputError(
                f"--train_fraction should be above 0 and at most 1, "
                f"found {fraction}"
            )
        if fraction == 1:
            return self
        training = np.flatnonzero(self.split == TRAIN)
        user_hashes = hash_ids(self.ids)
        drawn = training_draw(
            user_hashes[self.target.row_of_value[training]],
            self.target.values[training].astype(np.uint64),
            seed,
        )
        split = self.split.copy()
        split[training[~lowest_fraction(drawn, fraction)]] = UNUSED
        return dataclasses.replace(self, split=split)


def user_rows(num_users: int) -> Ragged:
    """A row for each user in place of a history, for what knows them by it.

    It holds one value, the user's row; as ids do, it begins at 2.
    """
    rows = np.arange(num_users, dtype=np.int32) + FIRST_ITEM
    return Ragged.from_lengths(rows, np.ones(num_users, np.int64))
