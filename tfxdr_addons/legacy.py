"""Optimizers from before Keras 2.11, with the interface of today's."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence
from typing import Any

import tensorflow as tf
from tensorflow import keras

from tfxdr_addons.needed import addons

Pairs = Iterable[tuple[tf.Tensor, tf.Variable]]


class Legacy(tf.Module):
    """What tfxdr expects of an optimizer, around a legacy one.

    Args:
      optimizer: the legacy one.
    """

    def __init__(self, optimizer: keras.optimizers.legacy.Optimizer) -> None:
        super().__init__()
        self.optimizer = optimizer

    def build(self, variables: Sequence[tf.Variable]) -> None:
        """Makes what it keeps of each variable, before a graph needs it."""
        self.optimizer._create_all_weights(variables)

    def apply_gradients(self, pairs: Pairs) -> None:
        """One step."""
        self.optimizer.apply_gradients(list(pairs))

    @property
    def learning_rate(self) -> tf.Tensor:
        """At this step."""
        return _rate_now(self.optimizer)


class Averaging(Legacy):
    """One that keeps an average of every variable, to judge and to serve.

    Args:
      optimizer: one of tensorflow-addons that wraps another.
      first_step: the steps after which there is an average.
    """

    def __init__(
        self,
        optimizer: keras.optimizers.legacy.Optimizer,
        first_step: int = 0,
    ) -> None:
        super().__init__(optimizer)
        self._first_step = first_step

    def averages(self, variables: Sequence[tf.Variable]) -> list[tf.Tensor]:
        """Of each variable its average or, before there is one, its value."""
        if int(self.optimizer.iterations) <= self._first_step:
            return [tf.identity(variable) for variable in variables]
        get_slot = self.optimizer.get_slot
        return [tf.identity(get_slot(v, "average")) for v in variables]


@dataclasses.dataclass(frozen=True)
class _Named:
    """A variable under a name that no other one has.

    `MultiOptimizer` tells variables apart by their names, which need not be
    unique: a policy network may have those of the backbone.
    """

    name: str
    variable: tf.Variable


class _OfNamed:
    """Hands the variables themselves to an optimizer."""

    def __init__(self, optimizer: keras.optimizers.legacy.Optimizer) -> None:
        self._optimizer = optimizer

    def apply_gradients(
        self, pairs: Iterable[tuple[tf.Tensor, _Named]], **options: Any
    ) -> Any:
        return self._optimizer.apply_gradients(
            [(gradient, named.variable) for gradient, named in pairs],
            **options,
        )


class Multi(tf.Module):
    """tensorflow-addons' `MultiOptimizer`: an optimizer for each group.

    Args:
      groups: a legacy optimizer and the variables that it moves, of each
        group; the last one's learning rate is shown.
    """

    def __init__(
        self,
        groups: Sequence[
            tuple[keras.optimizers.legacy.Optimizer, Sequence[tf.Variable]]
        ],
    ) -> None:
        super().__init__()
        self.optimizers = [optimizer for optimizer, _ in groups]
        self._variables = [list(variables) for _, variables in groups]
        specs: list[dict[str, Any]] = []
        self._named: dict[int, _Named] = {}
        for optimizer, variables in groups:
            named = [self._with_name(variable) for variable in variables]
            specs.append(
                {
                    "optimizer": _OfNamed(optimizer),
                    "weights": [variable.name for variable in named],
                }
            )
        self.multi = addons("--optimizer=multi").optimizers.MultiOptimizer(
            optimizer_specs=specs
        )

    def _with_name(self, variable: tf.Variable) -> _Named:
        named = _Named(f"{len(self._named)}/{variable.name}", variable)
        self._named[id(variable)] = named
        return named

    def build(self, variables: Sequence[tf.Variable]) -> None:
        """Makes what the optimizers keep, each of its own variables."""
        missing = {id(v) for v in variables} ^ set(self._named)
        if missing:
            raise ValueError(
                "variables should be those of the groups. Received: "
                f"{len(variables)} variables, of {len(self._named)} in groups"
            )
        self.multi._create_all_weights([])
        for optimizer, own in zip(
            self.optimizers, self._variables, strict=True
        ):
            optimizer._create_all_weights(own)

    def apply_gradients(self, pairs: Pairs) -> None:
        """One step of every group."""
        self.multi.apply_gradients(
            [(gradient, self._named[id(v)]) for gradient, v in pairs]
        )

    @property
    def learning_rate(self) -> tf.Tensor:
        """Of the last group, at this step."""
        return _rate_now(self.optimizers[-1])


def _rate_now(optimizer: keras.optimizers.legacy.Optimizer) -> tf.Tensor:
    rate = optimizer.learning_rate
    return rate(optimizer.iterations) if callable(rate) else rate
