"""The baseline that knows no user: the most bought items first."""

from __future__ import annotations

from typing import Any

import numpy as np

from tfxdr.policies.base import Baseline
from tfxdr.registry import policies
from tfxdr.types import Scorer


@policies.register("popularity")
class Popularity(Baseline):
    """Scores an item by its number of training interactions."""

    def fit(
        self,
        history: Any,
        train_targets: Any,
        num_source_items: int,
        num_target_items: int,
    ) -> Scorer:
        """Counts.

        Args:
          history: not used.
          train_targets: ragged target ids per user, training instances only.
          num_source_items: not used.
          num_target_items: size of the target table, ids 0 and 1 included.

        Returns:
          A scorer that gives every history the same counts.
        """
        del history, num_source_items
        counts = np.bincount(train_targets.values, minlength=num_target_items)
        counts = counts.astype(np.float32)

        def scorer(history: np.ndarray) -> np.ndarray:
            return np.broadcast_to(counts, (len(history), len(counts)))

        return scorer
