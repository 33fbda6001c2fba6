"""Tuners: what a tuned block is."""

from tfxdr.registry import tuners as _registry
from tfxdr.tuners import adapters, copy
from tfxdr.tuners.base import Tuner

register = _registry.register

__all__ = ["Tuner", "adapters", "copy", "register"]
