"""Backbones: what reads a history, or both domains of a user."""

from tfxdr.backbones import (
    bert4rec,
    conet,
    ddtcdr,
    gru4rec,
    hstu,
    mf,
    mtl,
    nextitnet,
    sasrec,
)
from tfxdr.backbones.base import Backbone, JointBackbone, is_joint
from tfxdr.registry import backbones as _registry

create = _registry.create
names = _registry.names
register = _registry.register

__all__ = [
    "Backbone",
    "JointBackbone",
    "bert4rec",
    "conet",
    "create",
    "ddtcdr",
    "gru4rec",
    "hstu",
    "is_joint",
    "mf",
    "mtl",
    "names",
    "nextitnet",
    "register",
    "sasrec",
]
