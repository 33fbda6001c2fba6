"""Optimizers, their learning rates, and which parameters each one moves."""

from __future__ import annotations

import contextlib
import dataclasses
import math
from collections.abc import Iterator, Sequence

import tensorflow as tf
from tensorflow import keras

from tfxdr.errors import InputError
from tfxdr.registry import Spec, optimizers
from tfxdr.training.lazy_adam import LazyAdam


@optimizers.register("adam")
def adam(
    learning_rate: object,
    weight_decay: float | None,
    beta_1: float = 0.9,
    beta_2: float = 0.999,
    epsilon: float = 1e-7,
) -> keras.optimizers.Optimizer:
    """Adam (Kingma and Ba 2015); with weight decay it is AdamW."""
    return keras.optimizers.Adam(
        learning_rate,
        beta_1,
        beta_2,
        epsilon,
        weight_decay=weight_decay,
        jit_compile=False,
    )


@optimizers.register("sgd")
def sgd(
    learning_rate: object, weight_decay: float | None, momentum: float = 0.0
) -> keras.optimizers.Optimizer:
    """Stochastic gradient descent, with momentum if asked for."""
    return keras.optimizers.SGD(
        learning_rate, momentum, weight_decay=weight_decay, jit_compile=False
    )


@optimizers.register("adagrad")
def adagrad(
    learning_rate: object,
    weight_decay: float | None,
    initial_accumulator: float = 0.1,
) -> keras.optimizers.Optimizer:
    """Adagrad (Duchi et al. 2011)."""
    return keras.optimizers.Adagrad(
        learning_rate,
        initial_accumulator,
        weight_decay=weight_decay,
        jit_compile=False,
    )


@optimizers.register("lazyadam")
def lazyadam(
    learning_rate: object,
    weight_decay: float | None,
    beta_1: float = 0.9,
    beta_2: float = 0.999,
    epsilon: float = 1e-7,
) -> keras.optimizers.Optimizer:
    """Adam that moves only the embeddings a batch has read."""
    if weight_decay:
        raise InputError(
            "--optimizer=lazyadam moves only the rows that a batch has read, "
            f"so weights cannot decay, found --weight_decay={weight_decay}: "
            "set it to 0, or choose --optimizer=adam."
        )
    return LazyAdam(learning_rate, beta_1, beta_2, epsilon)


class WarmupDecay(keras.optimizers.schedules.LearningRateSchedule):
    """A linear warm-up to the peak, then a decay to zero, or none.

    Args:
      peak: learning rate after the warm-up.
      total_steps: where the decay ends.
      warmup_steps: length of the warm-up; 0 starts at the peak.
      shape: `constant`, `linear` or `cosine`.
    """

    def __init__(
        self, peak: float, *, total_steps: int, warmup_steps: int, shape: str
    ) -> None:
        self.peak = peak
        self.total_steps = total_steps
        self.warmup_steps = warmup_steps
        self.shape = shape

    def __call__(self, step: tf.Tensor) -> tf.Tensor:
        step = tf.cast(step, tf.float32)
        warmup = tf.minimum((step + 1.0) / max(self.warmup_steps, 1), 1.0)
        remaining = max(self.total_steps - self.warmup_steps, 1)
        progress = tf.clip_by_value(
            (step - self.warmup_steps) / remaining, 0.0, 1.0
        )
        return self.peak * warmup * self._decay(progress)

    def at_peak(self, peak: float) -> WarmupDecay:
        """The same schedule with another peak."""
        return WarmupDecay(**{**self.get_config(), "peak": peak})

    def _decay(self, progress: tf.Tensor) -> tf.Tensor:
        if self.shape == "linear":
            return 1.0 - progress
        if self.shape == "cosine":
            return 0.5 * (1.0 + tf.cos(math.pi * progress))
        return tf.ones_like(progress)

    def get_config(self) -> dict:
        return {
            "peak": self.peak,
            "total_steps": self.total_steps,
            "warmup_steps": self.warmup_steps,
            "shape": self.shape,
        }


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
        `parameters` is given `Parameters`, and knows the rate of each itself.
      learning_rate: of new parameters, and of all when the next is none.
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
        self.groups = [
            (settings.build(rate, total_steps, parameters), variables)
            for rate, variables in by_rate.items()
        ]
        self._new = list(by_rate).index(settings.learning_rate)
        for optimizer, variables in self.groups:
            optimizer.build(variables)

    @property
    def variables_to_train(self) -> list[tf.Variable]:
        """All of them, in the order that `apply` expects."""
        return [v for _, variables in self.groups for v in variables]

    def learning_rate(self) -> float:
        """Of new parameters, at this step."""
        return float(self.groups[self._new][0].learning_rate)

    @contextlib.contextmanager
    def averaged(self) -> Iterator[None]:
        """Inside, variables hold the averages that their optimizers keep."""
        averages = [
            (variable, average)
            for optimizer, variables in self.groups
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
          gradients: one for each of `variables_to_train`; none is zero.

        Returns:
          The global norm before clipping, to be checked for being finite.
        """
        gradients = [
            tf.zeros_like(variable)
            if gradient is None
            else _merge_rows(gradient)
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
        for optimizer, variables in self.groups:
            end = start + len(variables)
            optimizer.apply_gradients(
                zip(gradients[start:end], variables, strict=True)
            )
            start = end
        return norm


def _merge_rows(
    gradient: tf.Tensor | tf.IndexedSlices,
) -> tf.Tensor | tf.IndexedSlices:
    """Sums the slices of one row, or a norm would count them apart."""
    if not isinstance(gradient, tf.IndexedSlices):
        return gradient
    rows, place = tf.unique(gradient.indices)
    values = tf.math.unsorted_segment_sum(gradient.values, place, tf.size(rows))
    return tf.IndexedSlices(values, rows, gradient.dense_shape)
