"""The outcome of an evaluation: one rank per held-out instance."""

from __future__ import annotations

import dataclasses
import os

import numpy as np

from tfxdr.evaluation.arrays import load_arrays, save_arrays


@dataclasses.dataclass(frozen=True)
class Ranking:
    """Per-instance ranks in user-row order.

    Attributes:
      user: `[instances]` int32 rows of the users.
      item: `[instances]` int32 ids of the positives.
      rank: `[instances]` int32, 1 is best.
    """

    user: np.ndarray
    item: np.ndarray
    rank: np.ndarray

    def __len__(self) -> int:
        return len(self.rank)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Writes an npz file that appears under `path` only when complete."""
        save_arrays(path, user=self.user, item=self.item, rank=self.rank)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Ranking:
        """Reads what `save` wrote.

        Raises:
          InputError: the file is missing, damaged or no file of ranks.
        """
        types = dict.fromkeys(("user", "item", "rank"), np.int32)
        return cls(**load_arrays(path, "ranks", types))
