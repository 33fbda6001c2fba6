"""Optimizers: how parameters move."""

from tfxdr.optimizers import lazy_adam, schedule, standard
from tfxdr.registry import optimizers as _registry

create = _registry.create
names = _registry.names
register = _registry.register

__all__ = [
    "create",
    "lazy_adam",
    "names",
    "register",
    "schedule",
    "standard",
]
