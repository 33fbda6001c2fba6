"""Answers for users: exports for TensorFlow Serving, recommendations."""

from tfxdr.serving.candidates import Retrieval
from tfxdr.serving.export import Export, check_place, export
from tfxdr.serving.exported import open_export
from tfxdr.serving.joint import JointServable
from tfxdr.serving.recommendations import Recommendation, Recommendations
from tfxdr.serving.recommender import Recommender
from tfxdr.serving.servable import Servable, Signature
from tfxdr.serving.transfer import TransferServable

__all__ = [
    "Export",
    "JointServable",
    "Recommendation",
    "Recommendations",
    "Recommender",
    "Retrieval",
    "Servable",
    "Signature",
    "TransferServable",
    "check_place",
    "export",
    "open_export",
]
