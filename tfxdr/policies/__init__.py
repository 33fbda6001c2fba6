"""Policies: what stays frozen, for whom; and the baselines beside them."""

from tfxdr.policies import item_knn, popularity, static
from tfxdr.policies.base import Baseline, Policy
from tfxdr.registry import policies as _registry

register = _registry.register

__all__ = ["Baseline", "Policy", "item_knn", "popularity", "register", "static"]
