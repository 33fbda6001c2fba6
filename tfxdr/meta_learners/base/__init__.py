"""What meta-learners are, and what several of them have in common."""

from tfxdr.meta_learners.base.bilevel import Bilevel
from tfxdr.meta_learners.base.held import HeldWeights
from tfxdr.meta_learners.base.meta_learner import (
    Gradient,
    MetaLearner,
    TrainsJointly,
)

__all__ = [
    "Bilevel",
    "Gradient",
    "HeldWeights",
    "MetaLearner",
    "TrainsJointly",
]
