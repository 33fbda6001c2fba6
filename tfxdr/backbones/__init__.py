"""Backbones: what reads a history."""

from tfxdr.backbones import bert4rec, gru4rec, nextitnet, sasrec
from tfxdr.backbones.base import Backbone
from tfxdr.registry import backbones as _registry

register = _registry.register

__all__ = [
    "Backbone",
    "bert4rec",
    "gru4rec",
    "nextitnet",
    "register",
    "sasrec",
]
