"""One weight for the whole source domain."""

from __future__ import annotations

import tensorflow as tf

from tfxdr.meta_learners.base import MetaLearner, TrainsJointly
from tfxdr.registry import meta_learners
from tfxdr.types import JointBatch


@meta_learners.register("constant")
class Constant(MetaLearner):
    """All source behaviors count the same: a given number times as much.

    The weight of the source domain's mean loss beside the target's, to be
    searched: 1 is `none`, 0 learns from the target domain alone.
    """

    def __init__(self, weight: float = 1.0) -> None:
        """Keeps the option.

        Args:
          weight: of the source domain's mean loss.

        Raises:
          ValueError: it is negative.
        """
        super().__init__()
        if not weight >= 0:
            raise ValueError(f"weight should be 0 or more. Received: {weight}")
        self.weight = weight

    def weights(self, model: TrainsJointly, batch: JointBatch) -> tf.Tensor:
        """As in `MetaLearner`; they add up to the option."""
        return self.weight * super().weights(model, batch)
