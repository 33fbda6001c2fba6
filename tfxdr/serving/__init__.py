"""Answers for users: exports for TensorFlow Serving, recommendations."""

from tfxdr.serving.candidates import Retrieval
from tfxdr.serving.export import Export, export
from tfxdr.serving.exported import open_export
from tfxdr.serving.joint import JointServable
from tfxdr.serving.recommender import Recommendation, Recommender
from tfxdr.serving.servable import Servable, Signature
from tfxdr.serving.transfer import TransferServable

__all__ = [
    "Export",
    "JointServable",
    "Recommendation",
    "Recommender",
    "Retrieval",
    "Servable",
    "Signature",
    "TransferServable",
    "export",
    "open_export",
]
