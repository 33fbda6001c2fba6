"""What meta-learners are, and what those of two levels have in common."""

from tfxdr.meta_learners.base.bilevel import Bilevel
from tfxdr.meta_learners.base.meta_learner import (
    Gradient,
    MetaLearner,
    TrainsJointly,
)

__all__ = ["Bilevel", "Gradient", "MetaLearner", "TrainsJointly"]
