"""The rule by which target instances are divided, as a value.

Whoever writes records, on one machine or in tasks of many, asks the same rule.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from tfxdr.data import published_split, splits


@dataclasses.dataclass(frozen=True)
class SplitPlan:
    """How to divide the target instances of some users.

    Attributes:
      rule: One of `splits.SPLITS`.
      fractions: Shares of training, validation and test.
      seed: Of what is drawn.
      boundaries: Of `time`, the times from which targets are for validation
        and for test.
      has_validation: Of `column`, whether the data have such a part.
    """

    rule: str
    fractions: tuple[float, float, float]
    seed: int
    boundaries: tuple[int, int] | None = None
    has_validation: bool = True

    def divide(
        self,
        ids: np.ndarray,
        offsets: np.ndarray,
        item_hashes: np.ndarray,
        time: np.ndarray | None,
        published: np.ndarray | None,
    ) -> np.ndarray:
        """The split of each instance.

        Args:
          ids: `[users]` raw ids as UTF-8 bytes.
          offsets: `[users + 1]`, where each user's instances begin.
          item_hashes: `[instances]` uint64 of `splits.hash_ids`.
          time: `[instances]` int64, if known.
          published: `[instances]` int8, the data's own split, if known.

        Returns:
          `[instances]` int8.
        """
        if self.rule == splits.LEAVE_ONE_OUT:
            return splits.split_leave_one_out(offsets)
        if self.boundaries is not None:
            assert time is not None  # check_times saw to it.
            return splits.split_time(time, *self.boundaries)
        users = np.repeat(splits.hash_ids(ids), np.diff(offsets))
        if self.rule == splits.COLUMN:
            assert published is not None  # has_validation saw to it.
            return published_split.divide(
                published,
                users,
                item_hashes,
                self.seed,
                self.fractions,
                has_validation=self.has_validation,
            )
        return splits.split_random(
            users, item_hashes, self.seed, self.fractions
        )
