"""Optimizers: how parameters move."""

from tfxdr.optimizers import (
    averages,
    l2_sp,
    lazy_adam,
    schedule,
    standard,
)
from tfxdr.registry import optimizers as _registry

create = _registry.create
names = _registry.names
register = _registry.register

__all__ = [
    "averages",
    "create",
    "l2_sp",
    "lazy_adam",
    "names",
    "register",
    "schedule",
    "standard",
]
