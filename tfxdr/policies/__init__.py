"""Policies: what stays frozen, for whom; and the baselines beside them."""

from tfxdr.policies import (
    gumbel,
    item_knn,
    mtl,
    oracle,
    popularity,
    random,
    rl_scst,
    soft,
    static,
)
from tfxdr.policies.base import Baseline, Policy, Rollout
from tfxdr.policies.layer import PolicyLayer
from tfxdr.registry import policies as _registry

create = _registry.create
names = _registry.names
register = _registry.register

__all__ = [
    "Baseline",
    "Policy",
    "PolicyLayer",
    "Rollout",
    "create",
    "gumbel",
    "item_knn",
    "mtl",
    "names",
    "oracle",
    "popularity",
    "random",
    "register",
    "rl_scst",
    "soft",
    "static",
]
