"""A meta-learner that is told what others have to find out."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from tfxdr.evaluation.groups import kinds_of
from tfxdr.meta_learners.base import MetaLearner, TrainsJointly
from tfxdr.ops import parts
from tfxdr.registry import meta_learners
from tfxdr.types import FIRST_ITEM, UNKNOWN, JointBatch


@meta_learners.register("oracle")
class Oracle(MetaLearner):
    """Behaviors on items of a category count nothing, all others the same.

    The ceiling of a control in which it is known which behaviors mislead,
    `oracle(category=harmful)`, and a rule for real data: leave a category out.
    Weights add up to a number in every batch, as those of other meta-learners
    do, so that what counts weighs the more, the less there is of it.
    """

    is_told = True

    def __init__(
        self,
        category: str,
        source_categories: np.ndarray | None,
        weight: float = 1.0,
    ) -> None:
        """Learns what is what.

        Args:
          category: that is left out, or what several begin with before a
            hyphen: `harmful` stands for `harmful-1` and `harmful-2`.
          source_categories: `[items]` text of each source item; none if the
            data have no categories.
          weight: of the mean loss of what counts.

        Raises:
          ValueError: no item is of the category, or all are; or the weight is
            negative.
        """
        super().__init__()
        if not weight >= 0:
            raise ValueError(f"weight should be 0 or more. Received: {weight}")
        self.weight = weight
        if source_categories is None:
            raise ValueError(
                "category should be one of the data's source items, which "
                f"have none; received {category!r}"
            )
        kinds = kinds_of(source_categories, category)
        counts = kinds != category
        if counts.all() or not counts.any():
            some = ", ".join(sorted(set(kinds.tolist()) - {""})[:5])
            raise ValueError(
                "category should be that of some source items and not of "
                f"others, such as {some or 'none'}; received {category!r}"
            )
        table = np.zeros(FIRST_ITEM + len(counts), np.float32)
        table[UNKNOWN] = 1.0  # nobody said that it is of the category
        table[FIRST_ITEM:] = counts
        self._counts = tf.constant(table)

    def weights(self, model: TrainsJointly, batch: JointBatch) -> tf.Tensor:
        """As in `MetaLearner`: equal ones of what counts, else 0."""
        del model
        counts = tf.gather(self._counts, batch.source.item)
        return self.weight * parts.proportions(counts)
