"""Losses of fine-tuning: what an instance costs."""

from tfxdr.losses import in_batch, sampled
from tfxdr.losses.base import InstanceLoss
from tfxdr.registry import losses as _registry

create = _registry.create
names = _registry.names
register = _registry.register

__all__ = [
    "InstanceLoss",
    "create",
    "in_batch",
    "names",
    "register",
    "sampled",
]
