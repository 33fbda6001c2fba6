"""Backbones: what reads a history."""

from tfxdr.backbones import nextitnet
from tfxdr.backbones.base import Backbone
from tfxdr.registry import backbones as _registry

register = _registry.register

__all__ = ["Backbone", "nextitnet", "register"]
