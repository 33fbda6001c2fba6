"""No meta-learner: all source behaviors count the same."""

from __future__ import annotations

from tfxdr.meta_learners.base import MetaLearner
from tfxdr.registry import meta_learners


@meta_learners.register("none")
class Equal(MetaLearner):
    """All source behaviors count the same, and nothing is learned."""
