"""Meta-learners: how much each source behavior counts."""

from tfxdr.meta_learners import (
    bip,
    by_category,
    constant,
    found,
    gcs,
    none,
    oracle,
)
from tfxdr.meta_learners.base import MetaLearner, TrainsJointly
from tfxdr.registry import meta_learners as _registry

create = _registry.create
names = _registry.names
register = _registry.register

__all__ = [
    "MetaLearner",
    "TrainsJointly",
    "bip",
    "by_category",
    "constant",
    "create",
    "found",
    "gcs",
    "names",
    "none",
    "oracle",
    "register",
]
