"""Optimizers around another one, which moves the variables."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import tensorflow as tf

from tfxdr.errors import InputError
from tfxdr.registry import optimizers

Pairs = Iterable[tuple[tf.Tensor | tf.IndexedSlices | None, tf.Variable]]


class Around(tf.Module):
    """Moves variables as another optimizer does.

    Args:
      inner: the other one, built by `inner_optimizer`.
    """

    def __init__(self, inner: Any) -> None:
        super().__init__()
        self.inner = inner

    def build(self, variables: Sequence[tf.Variable]) -> None:
        """Makes what is kept of each variable, before a graph needs it."""
        self.inner.build(variables)

    def apply_gradients(self, pairs: Pairs) -> None:
        """One step, of the variables that it was built for."""
        self.inner.apply_gradients(pairs)

    @property
    def learning_rate(self) -> tf.Tensor:
        """At this step."""
        return self.inner.learning_rate


class Anchored(Around):
    """Remembers what pre-training made of the variables.

    Args:
      inner: moves the weights.
      pretrained: the weights that pre-training made.

    Attributes:
      anchors: for each variable a copy; `None` for one that is new. Copies are
        variables, so that a checkpoint keeps them: when a training goes on,
        the variables themselves have moved.
    """

    def __init__(self, inner: Any, pretrained: Sequence[tf.Variable]) -> None:
        super().__init__(inner)
        self._pretrained = pretrained

    def build(self, variables: Sequence[tf.Variable]) -> None:
        super().build(variables)
        made = {id(variable) for variable in self._pretrained}
        self.anchors = [
            tf.Variable(v, trainable=False) if id(v) in made else None
            for v in variables
        ]


def inner_optimizer(
    asker: str, text: str, learning_rate: object, weight_decay: float | None
) -> Any:
    """The optimizer that another one is put around.

    Args:
      asker: name of the other one.
      text: its name and options: `sgd(momentum=0.9)`.
      learning_rate: given to the asker.
      weight_decay: likewise.

    Raises:
      InputError: it is unknown, or does more than to move weights.
    """
    spec = optimizers.parse(text)
    more = InputError(
        f"--optimizer={asker}(inner={spec}): expected an optimizer that moves "
        "all weights alike, such as adam or sgd, found one that tells "
        "pre-trained weights from new ones or keeps averages: choose another"
    )
    if optimizers.offered & set(spec.entry.parameters):
        raise more
    made = spec.build(learning_rate=learning_rate, weight_decay=weight_decay)
    if hasattr(made, "averages"):
        raise more
    return made
