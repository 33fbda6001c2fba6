"""Keras models: what a stage trains."""

from tfxdr.models.joint import JointModel
from tfxdr.models.pretrain import PretrainModel
from tfxdr.models.transfer import TransferModel

__all__ = ["JointModel", "PretrainModel", "TransferModel"]
