"""Weights of source behaviors that an upper level learns."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

import tensorflow as tf
from tensorflow import keras

from tfxdr.backbones.base import JointBackbone
from tfxdr.errors import InputError
from tfxdr.meta_learners.base.meta_learner import MetaLearner, TrainsJointly
from tfxdr.ops import implicit
from tfxdr.ops.tracing import graph_of
from tfxdr.types import META_SETS, JointBatch

_OPTIMIZERS = {"sgd": keras.optimizers.SGD, "adam": keras.optimizers.Adam}
# Adam's (Kingma and Ba 2015), for the replacement head.
_BETA_1 = 0.9
_BETA_2 = 0.999
_EPSILON = 1e-7


class Filling(Protocol):
    """A layer that gives source examples their weights.

    Attributes:
      prior: scalar, how much the source domain counts as a whole.
    """

    prior: tf.Variable

    @property
    def trainable_variables(self) -> list[tf.Variable]: ...

    def weights_of(self, log_importance: tf.Tensor) -> tf.Tensor:
        """`[batch]` log-importances to weights of the same shape."""
        ...


class Bilevel(MetaLearner):
    """Learns what weighs source behaviors on two levels (Chen et al. 2023).

    The lower level trains the model with weights held fixed. The upper level,
    `update`, moves what gives the weights so that what the lower level makes
    of the backbone serves the target domain's held-out rows. It differentiates
    through the minimum of the lower loss.

    What gives the weights is a subclass's: the layer `filling`, its variables,
    made in `make_variables`, and the `importance` that it finds in a batch.

    Attributes:
      known_as: its name after `--meta=`, for errors.
    """

    known_as: str = ""

    def __init__(
        self,
        interval: int,
        head_steps: int,
        weight_decay: float,
        *,
        optimizer: str,
        learning_rate: float,
        clip_norm: float,
        head_learning_rate: float,
        warm_up: int,
        meta_set: str,
        matched: bool,
        learn_prior: bool,
        solver: implicit.Solver,
    ) -> None:
        """Keeps the options.

        Args:
          interval: training steps between two updates.
          head_steps: on the replacement head, before each update.
          weight_decay: times the filling's parameters, is added to their
            clipped gradient.
          optimizer: of the filling, `sgd` or `adam`.
          learning_rate: of it.
          clip_norm: bound of the hypergradient's global norm; 0 is off.
          head_learning_rate: of the replacement head, by Adam.
          warm_up: training steps before the first `interval` begins.
          meta_set: where the rows of the upper loss come from, `held-out`,
            `training` or `rotating`.
          matched: whether the upper level's lower loss is that of training
            rows of the same users.
          learn_prior: whether how much the source counts as a whole is
            learned, too.
          solver: of the hypergradient.

        Raises:
          ValueError: if an option is out of range.
        """
        super().__init__()
        _check_numbers(
            above_zero={
                "interval": interval,
                "learning_rate": learning_rate,
                "head_learning_rate": head_learning_rate,
            },
            not_negative={
                "head_steps": head_steps,
                "weight_decay": weight_decay,
                "clip_norm": clip_norm,
                "warm_up": warm_up,
            },
        )
        self.interval = interval
        self.head_steps = head_steps
        self.weight_decay = weight_decay
        if optimizer not in _OPTIMIZERS:
            raise ValueError(
                f"optimizer should be sgd or adam. Received: {optimizer!r}"
            )
        if meta_set not in META_SETS:
            raise ValueError(
                f"meta_set should be one of {', '.join(META_SETS)}. Received: "
                f"{meta_set!r}"
            )
        self.warm_up = warm_up
        self.meta_set = meta_set
        self.matched = matched
        self.learn_prior = learn_prior
        self.optimizer = _OPTIMIZERS[optimizer](learning_rate)
        self.clip_norm = clip_norm
        self.head_learning_rate = head_learning_rate
        self.solver = solver
        self._graph: tf.types.experimental.GenericFunction | None = None

    @property
    def filling(self) -> Filling:
        """What is learned."""
        raise NotImplementedError

    def make_variables(self, backbone: JointBackbone) -> None:
        """Makes those of the filling."""
        raise NotImplementedError

    @property
    def meta_variables(self) -> list[tf.Variable]:
        """Those of the filling; without its prior where that is held."""
        held = () if self.learn_prior else (self.filling.prior.ref(),)
        return [
            variable
            for variable in self.filling.trainable_variables
            if variable.ref() not in held
        ]

    def weights(self, model: TrainsJointly, batch: JointBatch) -> tf.Tensor:
        """As in `MetaLearner`; rows without source example take a share."""
        return self.filling.weights_of(self.importance(model, batch))

    def build(self, backbone: JointBackbone) -> None:
        """Makes the variables that are learned.

        Raises:
          InputError: if the backbone leaves the source domain out.
        """
        if not backbone.uses_source:
            raise InputError(
                f"--meta={self.known_as} weighs the source's behaviors, "
                f"but --backbone={backbone.name} leaves the source domain out; "
                "use --meta=none, or a backbone that trains both"
            )
        self.make_variables(backbone)
        self.optimizer.build(self.meta_variables)

    def update(
        self,
        model: TrainsJointly,
        batch: JointBatch,
        held_out: JointBatch,
    ) -> None:
        """As in `MetaLearner`: the head, then one step of the filling."""
        if self._graph is None:
            self._graph = graph_of(
                self._compute, self, model, reduce_retracing=True
            )
        self._graph(model, batch, held_out)

    def _compute(
        self, model: TrainsJointly, batch: JointBatch, held_out: JointBatch
    ) -> None:
        self.train_head(model, held_out)
        gradients = self.hypergradient(model, batch, held_out)
        if self.clip_norm:
            gradients, _ = tf.clip_by_global_norm(gradients, self.clip_norm)
        variables = self.meta_variables
        slopes = [
            gradient + self.weight_decay * variable
            for gradient, variable in zip(gradients, variables, strict=True)
        ]
        self.optimizer.apply_gradients(zip(slopes, variables, strict=True))

    def train_head(self, model: TrainsJointly, batch: JointBatch) -> None:
        """Fits the replacement head to a backbone that does not move.

        What the head reads is computed once. It goes on from where it stands,
        by `head_steps` of Adam on all rows, whose moments start anew.

        Args:
          model: whose replacement head is trained.
          batch: many rows.
        """
        vector = tf.stop_gradient(model.target_vector(batch))
        variables = model.replacement_variables

        def advance(step, means, squares):
            with tf.GradientTape(watch_accessed_variables=False) as tape:
                tape.watch(variables)
                loss = model.replacement_loss(vector, batch)
            gradients = tape.gradient(loss, variables)
            step += 1.0
            means = _average(means, gradients, _BETA_1)
            squares = _average(squares, [g**2 for g in gradients], _BETA_2)
            for variable, mean, square in zip(
                variables, means, squares, strict=True
            ):
                mean /= tf.cast(1.0 - _BETA_1**step, mean.dtype)
                square /= tf.cast(1.0 - _BETA_2**step, square.dtype)
                change = mean / (tf.sqrt(square) + _EPSILON)
                variable.assign_sub(self.head_learning_rate * change)
            return step, means, squares

        nothing = [tf.zeros_like(variable) for variable in variables]
        tf.while_loop(
            lambda step, *_: step < self.head_steps,
            advance,
            [tf.constant(0.0), nothing, nothing],
        )

    def hypergradient(
        self, model: TrainsJointly, batch: JointBatch, held_out: JointBatch
    ) -> list[tf.Tensor]:
        """Of the upper loss, by what is learned.

        The inner variables are the backbone's; heads are constants.

        Args:
          model: at the minimum of the lower loss, or on the way there.
          batch: of training rows, for the lower loss.
          held_out: rows of the meta set, for the upper loss.

        Returns:
          One tensor for each of `meta_variables`.
        """

        def lower_loss() -> tf.Tensor:
            return model.lower_loss(batch, self.weights(model, batch))

        def upper_loss() -> tf.Tensor:
            vector = model.target_vector(held_out)
            return model.replacement_loss(vector, held_out)

        return implicit.hypergradient(
            lower_loss,
            upper_loss,
            model.shared_variables,
            self.meta_variables,
            solver=self.solver,
        )


def _check_numbers(
    above_zero: dict[str, float], not_negative: dict[str, float]
) -> None:
    for name, value in above_zero.items():
        if not value > 0:
            raise ValueError(f"{name} should be above 0. Received: {value}")
    for name, value in not_negative.items():
        if not value >= 0:
            raise ValueError(f"{name} should be 0 or more. Received: {value}")


def _average(
    means: Sequence[tf.Tensor], values: Sequence[tf.Tensor], decay: float
) -> list[tf.Tensor]:
    """An exponential moving average's next values."""
    return [
        decay * mean + (1.0 - decay) * value
        for mean, value in zip(means, values, strict=True)
    ]
