"""Optimizers: how parameters move."""

from tfxdr.optimizers import lazy_adam, schedule, standard
from tfxdr.registry import optimizers as _registry

register = _registry.register

__all__ = ["lazy_adam", "register", "schedule", "standard"]
