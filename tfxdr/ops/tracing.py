"""Graphs, traced with AutoGraph where it may be needed and nowhere else."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow as tf

# What these packages hold branches and loops over tensors by TensorFlow's ops.
_BY_OPS = ("tfxdr", "tensorflow", "tf_keras", "keras")


def graph_of(
    call: Callable[..., Any], *components: object, **options: Any
) -> tf.types.experimental.GenericFunction:
    """A `tf.function` that is traced as fast as its components allow.

    Args:
      call: what is traced; its own code asks TensorFlow's ops.
      *components: whose code it comes through, as of `needs_autograph`.
      **options: of `tf.function`.
    """
    return tf.function(call, autograph=needs_autograph(*components), **options)


def needs_autograph(*components: object) -> bool:
    """Whether Python's own `if` and `for` may run over tensors in them.

    AutoGraph rewrites the source of all that a trace comes through, which
    takes two thirds of its time and changes nothing in code that asks
    TensorFlow's ops. A plugin's may do without these.

    Args:
      components: what the graph is made of; of a `tf.Module`, all that is
        inside counts, too.
    """
    parts = [
        part
        for component in components
        for part in (component, *getattr(component, "submodules", ()))
    ]
    return not all(_is_by_ops(type(part)) for part in parts)


def _is_by_ops(kind: type) -> bool:
    package = kind.__module__.partition(".")[0]
    return package in _BY_OPS
