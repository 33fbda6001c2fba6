"""Whether ops have the gradients that were written for them here."""

from __future__ import annotations

import contextlib
import contextvars
from collections.abc import Iterator

import tensorflow as tf

_wanted = contextvars.ContextVar("own gradients", default=True)


def has_own_gradients() -> bool:
    """Whether a graph that is traced now gets them.

    They were measured on CPUs; where a GPU is used, TensorFlow's are taken.
    """
    return _wanted.get() and not tf.config.get_visible_devices("GPU")


@contextlib.contextmanager
def none_of_our_own() -> Iterator[None]:
    """What is traced inside is of TensorFlow's ops alone.

    A saved model would hold the gradients too, which are most of its graph, or
    warn on loading that it does not.
    """
    token = _wanted.set(False)
    try:
        yield
    finally:
        _wanted.reset(token)
