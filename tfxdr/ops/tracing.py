"""Whether a graph is traced with AutoGraph."""

from __future__ import annotations

# What these packages hold branches and loops over tensors by TensorFlow's ops.
_BY_OPS = ("tfxdr", "tensorflow", "tf_keras", "keras")


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
