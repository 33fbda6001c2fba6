"""Data sets: two domains' events, as DuckDB's tables."""

from tfxdr.datasets import (
    amazon,
    coldrec,
    events,
    movielens,
    planted,
    planted_policies,
    prepared,
    semi_planted,
    synthetic,
)
from tfxdr.datasets.base import Source, insert_arrays
from tfxdr.datasets.readers.rejects import BadRow, Rejects
from tfxdr.registry import datasets as _registry

create = _registry.create
names = _registry.names
register = _registry.register

__all__ = [
    "BadRow",
    "Rejects",
    "Source",
    "amazon",
    "coldrec",
    "create",
    "events",
    "insert_arrays",
    "movielens",
    "names",
    "planted",
    "planted_policies",
    "prepared",
    "register",
    "semi_planted",
    "synthetic",
]
