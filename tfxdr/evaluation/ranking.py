"""The outcome of an evaluation: one rank per held-out instance."""

from __future__ import annotations

import dataclasses

import numpy as np

from tfxdr.evaluation.arrays import SavedArrays


@dataclasses.dataclass(frozen=True)
class Ranking(SavedArrays):
    """Per-instance ranks in user-row order.

    Attributes:
      user: `[instances]` int32 rows of the users.
      item: `[instances]` int32 ids of the positives.
      rank: `[instances]` int32, 1 is best.
    """

    what = "ranks"
    types = dict.fromkeys(("user", "item", "rank"), np.int32)

    user: np.ndarray
    item: np.ndarray
    rank: np.ndarray

    def __len__(self) -> int:
        return len(self.rank)
