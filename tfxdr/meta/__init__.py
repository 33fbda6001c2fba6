"""Meta-learners: how much each source behavior counts."""

from tfxdr.meta import bip, gcs, none
from tfxdr.meta.base import MetaLearner, TrainsJointly
from tfxdr.registry import meta_learners as _registry

register = _registry.register

__all__ = ["MetaLearner", "TrainsJointly", "bip", "gcs", "none", "register"]
