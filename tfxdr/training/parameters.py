"""Which optimizer moves which parameters, and at which rate."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator, Sequence
from typing import Any

import tensorflow as tf
from tensorflow import keras

from tfxdr.errors import InputError
from tfxdr.ops import tables
from tfxdr.optimizers.schedule import WarmupDecay
from tfxdr.registry import Spec, optimizers


@dataclasses.dataclass(frozen=True)
class Parameters:
    """What is trained, by where it comes from.

    Attributes:
      pretrained: variables that pre-training made.
      policy: variables of the policy network.
      new: all others.
    """

    pretrained: Sequence[tf.Variable] = ()
    policy: Sequence[tf.Variable] = ()
    new: Sequence[tf.Variable] = ()

    @property
    def all(self) -> list[tf.Variable]:
        """In the order above."""
        return [*self.pretrained, *self.policy, *self.new]


@dataclasses.dataclass(frozen=True)
class OptimizerSettings:
    """How parameters move.

    Attributes:
      optimizer: name and options from the registry. A factory that takes
        `parameters` is given `Parameters`, and knows the rate of each itself;
        one that takes `pretrained_variables` is given those alone, and leaves
        rates to the groups.
      learning_rate: of new parameters, and of all when the next is `None`.
      pretrained_learning_rate: of parameters that pre-training made.
      policy_learning_rate: of the policy network.
      schedule: `constant`, `linear` or `cosine`.
      warmup_steps: of the schedule.
      weight_decay: decoupled, per step and unit of learning rate; 0 is off.
      clip_norm: bound of the gradients' global norm; 0 is off.
    """

    optimizer: Spec
    learning_rate: float
    pretrained_learning_rate: float | None = None
    policy_learning_rate: float | None = None
    schedule: str = "constant"
    warmup_steps: int = 0
    weight_decay: float = 0.0
    clip_norm: float = 0.0

    def check(self) -> None:
        """Finds what would stop a training.

        Raises:
          InputError: names the flag.
        """
        for name in ("pretrained_learning_rate", "policy_learning_rate"):
            rate = getattr(self, name)
            if rate is not None and self.knows_rates:
                raise InputError(
                    f"--optimizer={self.optimizer} gives every parameter its "
                    f"learning rate, found --{name}={rate} as well: leave it "
                    "out"
                )
        self.build(self.learning_rate, 1, Parameters())

    @property
    def knows_rates(self) -> bool:
        """Whether the optimizer itself gives every parameter its rate."""
        entry = optimizers.entry(self.optimizer.name)
        return "parameters" in entry.parameters

    @property
    def knows_origins(self) -> bool:
        """Whether the optimizer tells pre-trained parameters from new ones."""
        entry = optimizers.entry(self.optimizer.name)
        return not optimizers.offered.isdisjoint(entry.parameters)

    def by_rate(self, parameters: Parameters) -> dict[float, list[tf.Variable]]:
        """What one optimizer moves, by its learning rate."""
        if self.knows_rates:
            return {self.learning_rate: parameters.all}
        found: dict[float, list[tf.Variable]] = {}
        for rate, variables in (
            (self.pretrained_learning_rate, parameters.pretrained),
            (self.policy_learning_rate, parameters.policy),
            (self.learning_rate, parameters.new),
        ):
            if variables:
                rate = self.learning_rate if rate is None else rate
                found.setdefault(rate, []).extend(variables)
        return found

    def build(
        self, rate: float, total_steps: int, parameters: Parameters
    ) -> keras.optimizers.Optimizer:
        """An optimizer at a peak learning rate."""
        schedule = WarmupDecay(
            rate,
            total_steps=total_steps,
            warmup_steps=self.warmup_steps,
            shape=self.schedule,
        )
        return self.optimizer.build(
            learning_rate=schedule,
            weight_decay=self.weight_decay or None,
            parameters=parameters,
            pretrained_variables=parameters.pretrained,
        )


class ParameterGroups(tf.Module):
    """Trainable variables and the optimizer of each.

    A group has its own optimizer if it has its own learning rate. What the
    registry's factories make is a Keras optimizer, or a `tf.Module` with its
    `build`, `apply_gradients` and `learning_rate`. One that has `averages` too
    says by it what its variables are judged and served as: it maps a list of
    variables to as many tensors.

    Args:
      settings: how they move.
      pretrained: variables that pre-training made.
      policy: variables of the policy network.
      new: all others.
      total_steps: of the whole training, for the schedule.
    """

    def __init__(
        self,
        settings: OptimizerSettings,
        *,
        pretrained: Sequence[tf.Variable],
        new: Sequence[tf.Variable],
        policy: Sequence[tf.Variable] = (),
        total_steps: int,
    ) -> None:
        super().__init__()
        self._clip_norm = settings.clip_norm
        parameters = Parameters(pretrained, policy, new)
        by_rate = settings.by_rate(parameters)
        # As whole tables, which is how a checkpoint is to hold them.
        self.groups = [
            (
                settings.build(rate, total_steps, parameters),
                tables.wholes(variables),
            )
            for rate, variables in by_rate.items()
        ]
        self._new = list(by_rate).index(settings.learning_rate)
        for optimizer, variables in self._moved():
            optimizer.build(variables)

    def _moved(self) -> Iterator[tuple[Any, list[tf.Variable]]]:
        """Each optimizer, and what it moves, shard by shard."""
        for optimizer, variables in self.groups:
            yield optimizer, tables.flat(variables)

    @property
    def variables_to_train(self) -> list[tf.Variable]:
        """All of them, in the order that `apply` expects."""
        return [v for _, variables in self._moved() for v in variables]

    def learning_rate(self) -> float:
        """Of new parameters, at this step."""
        return float(self.groups[self._new][0].learning_rate)

    @contextlib.contextmanager
    def averaged(self) -> Iterator[None]:
        """Inside, variables hold the averages that their optimizers keep."""
        averages = [
            (variable, average)
            for optimizer, variables in self._moved()
            if hasattr(optimizer, "averages")
            for variable, average in zip(
                variables, optimizer.averages(variables), strict=True
            )
        ]
        trained = [tf.identity(variable) for variable, _ in averages]
        for variable, average in averages:
            variable.assign(average)
        try:
            yield
        finally:
            for (variable, _), value in zip(averages, trained, strict=True):
                variable.assign(value)

    def apply(self, gradients: Sequence[tf.Tensor]) -> tf.Tensor:
        """Clips, then moves every group by its own optimizer.

        Args:
          gradients: one for each of `variables_to_train`; `None` is zero.

        Returns:
          The global norm before clipping, to be checked for being finite.
        """
        gradients = [
            tf.zeros_like(variable)
            if gradient is None
            else merge_rows(gradient)
            for gradient, variable in zip(
                gradients, self.variables_to_train, strict=True
            )
        ]
        norm = tf.linalg.global_norm(gradients)
        if self._clip_norm:
            gradients, _ = tf.clip_by_global_norm(
                gradients, self._clip_norm, use_norm=norm
            )
        start = 0
        for optimizer, variables in self._moved():
            end = start + len(variables)
            optimizer.apply_gradients(
                zip(gradients[start:end], variables, strict=True)
            )
            start = end
        return norm


def merge_rows(
    gradient: tf.Tensor | tf.IndexedSlices,
) -> tf.Tensor | tf.IndexedSlices:
    """Sums the slices of one row, or a norm would count them apart."""
    if not isinstance(gradient, tf.IndexedSlices):
        return gradient
    rows, place = tf.unique(gradient.indices)
    values = tf.math.unsorted_segment_sum(gradient.values, place, tf.size(rows))
    return tf.IndexedSlices(values, rows, gradient.dense_shape)
