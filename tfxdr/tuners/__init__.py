"""Tuners: what a tuned block is."""

from tfxdr.registry import tuners as _registry
from tfxdr.tuners import adapters, copy
from tfxdr.tuners.base import Tuner

create = _registry.create
names = _registry.names
register = _registry.register

__all__ = [
    "Tuner",
    "adapters",
    "copy",
    "create",
    "names",
    "register",
]
