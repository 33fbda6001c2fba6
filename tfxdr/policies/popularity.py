"""The baseline that knows no user: the most bought items first."""

from __future__ import annotations

import numpy as np

from tfxdr.ops import mapped
from tfxdr.ops.ragged import Ragged
from tfxdr.policies.base import Baseline
from tfxdr.registry import policies
from tfxdr.types import Scorer


@policies.register("popularity")
class Popularity(Baseline):
    """Scores an item by its number of training interactions."""

    def fit(
        self,
        history: Ragged,
        train_targets: Ragged,
        num_source_items: int,
        num_target_items: int,
    ) -> Scorer:
        del history, num_source_items
        counts = mapped.count(train_targets.values, num_target_items)
        counts = counts.astype(np.float32)

        def scorer(history: np.ndarray) -> np.ndarray:
            return np.broadcast_to(counts, (len(history), len(counts)))

        return scorer
