"""Data sets: two domains' events, as DuckDB's tables."""

from tfxdr.datasets import (
    amazon,
    coldrec,
    events,
    movielens,
    planted,
    planted_policies,
    synthetic,
)
from tfxdr.datasets.base import Source, insert_arrays
from tfxdr.datasets.readers.rejects import BadRow, Rejects
from tfxdr.registry import datasets as _registry

register = _registry.register

__all__ = [
    "BadRow",
    "Rejects",
    "Source",
    "amazon",
    "coldrec",
    "events",
    "insert_arrays",
    "movielens",
    "planted",
    "planted_policies",
    "register",
    "synthetic",
]
