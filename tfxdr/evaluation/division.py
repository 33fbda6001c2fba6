"""An evaluation that several workers divide among themselves.

By default there is one, who does all of it. Where there are several, each takes
every n-th batch, and what they found is joined: all of them then have all.
"""

from __future__ import annotations

import contextlib
import contextvars
from collections.abc import Iterable, Iterator
from typing import Protocol, TypeVar

import numpy as np

T = TypeVar("T")


class Workers(Protocol):
    """Those who divide an evaluation.

    Attributes:
      index: of this one, from 0.
      count: how many there are.
    """

    index: int
    count: int

    def joined(self, array: np.ndarray) -> np.ndarray:
        """The sum of the arrays that the workers give, in the same type."""
        ...


_CURRENT: contextvars.ContextVar[Workers | None] = contextvars.ContextVar(
    "workers", default=None
)


@contextlib.contextmanager
def divided(workers: Workers) -> Iterator[None]:
    """Evaluations inside are divided; all workers have to do the same ones."""
    token = _CURRENT.set(workers)
    try:
        yield
    finally:
        _CURRENT.reset(token)


def own(batches: Iterable[T]) -> Iterable[T]:
    """Those of the batches that this worker does."""
    if _CURRENT.get() is None:
        return batches
    return (x for index, x in enumerate(batches) if is_own(index))


def is_own(index: int) -> bool:
    """Whether this worker does the batch of that number, from 0."""
    workers = _CURRENT.get()
    return workers is None or index % workers.count == workers.index


def joined(array: np.ndarray) -> np.ndarray:
    """What all workers found.

    Args:
      array: with what this one found in its own places, and 0 elsewhere.
    """
    workers = _CURRENT.get()
    return array if workers is None else workers.joined(array)
