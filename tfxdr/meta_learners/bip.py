"""Behavioral importance, learned on two levels (BIP, Chen et al. 2023)."""

from __future__ import annotations

from collections.abc import Sequence

import tensorflow as tf
from tensorflow import keras

from tfxdr.backbones.base import JointBackbone
from tfxdr.errors import InputError
from tfxdr.layers.behavior_perceptron import BehaviorPerceptron
from tfxdr.meta_learners.base import MetaLearner, TrainsJointly
from tfxdr.ops import implicit
from tfxdr.registry import meta_learners
from tfxdr.types import PADDING, Items, JointBatch

_OPTIMIZERS = {"sgd": keras.optimizers.SGD, "adam": keras.optimizers.Adam}
# Adam's (Kingma and Ba 2015), for the replacement head.
_BETA_1 = 0.9
_BETA_2 = 0.999
_EPSILON = 1e-7


@meta_learners.register("bip")
class BIP(MetaLearner):
    """Learns the weight of every source behavior on two levels (BIP).

    A perceptron weighs the source examples of a batch: `relu(prior)` times a
    softmax over all rows. The lower level trains the model with these weights
    held fixed. The upper level, `update`, moves the perceptron so that what
    the lower level makes of the backbone serves the target domain's held-out
    rows. It differentiates through the minimum of the lower loss, where the
    weights are a function of the candidates' embeddings as well (one linear
    function of the candidate lets gradients through), as in the authors' code.
    """

    def __init__(
        self,
        interval: int = 100,
        head_steps: int = 100,
        weight_decay: float = 0.0,
        *,
        optimizer: str = "sgd",
        learning_rate: float = 1e-2,
        clip_norm: float = 10.0,
        head_learning_rate: float = 1e-2,
        solver: str = "neumann",
        terms: int = 3,
        alpha: float = 1.0,
        scale_by_alpha: bool = True,
        max_steps: int = 10,
        tolerance: float = 1e-5,
        damping: float = 0.0,
        num_heads: int = 4,
        head_size: int = 10,
        hidden: Sequence[int] = (32, 16),
        bound: float = 0.0,
        masked: bool = True,
    ) -> None:
        """Makes the perceptron.

        Args:
          interval: training steps between two updates.
          head_steps: on the replacement head, before each update.
          weight_decay: times the perceptron's parameters, is added to their
            clipped gradient.
          optimizer: of the perceptron, `sgd`, the authors', or `adam`, which
            does not need a rate for each size of hypergradient.
          learning_rate: of it.
          clip_norm: bound of the hypergradient's global norm; 0 is off.
          head_learning_rate: of the replacement head, by Adam.
          solver: `neumann`, a truncated series, or `cg`, conjugate gradients.
          terms: of the series, beside the first.
          alpha: step size of the series.
          scale_by_alpha: multiplies the series by it; the authors do not.
          max_steps: of conjugate gradients.
          tolerance: of conjugate gradients, relative.
          damping: of conjugate gradients, added to the Hessian's diagonal.
          num_heads: of the perceptron's attention.
          head_size: width of such a head.
          hidden: widths of the perceptron's hidden layers.
          bound: of a log-importance: one behavior weighs up to
            `exp(2 * bound)` times another. 0 is none, as in the authors' code;
            learning can then end with all weight on a few behaviors.
          masked: whether padding takes no part in the perceptron; in the
            authors' code it does.

        Raises:
          ValueError: if an option is out of range, or is not the solver's.
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
            },
        )
        self.interval = interval
        self.head_steps = head_steps
        self.weight_decay = weight_decay
        if optimizer not in _OPTIMIZERS:
            raise ValueError(
                f"optimizer should be sgd or adam. Received: {optimizer!r}"
            )
        self.optimizer = _OPTIMIZERS[optimizer](learning_rate)
        self.clip_norm = clip_norm
        self.head_learning_rate = head_learning_rate
        self.solver = _choose(
            solver,
            implicit.Neumann(terms, alpha, scale_by_alpha),
            implicit.ConjugateGradient(max_steps, tolerance, damping),
        )
        self.perceptron = BehaviorPerceptron(
            num_heads, head_size, hidden, bound, masked=masked
        )

    def build(self, backbone: JointBackbone) -> None:
        """Makes the perceptron's variables.

        Raises:
          InputError: if the backbone leaves the source domain out.
        """
        if not backbone.uses_source:
            raise InputError(
                "--meta=bip weighs the source's behaviors, but "
                f"--backbone={backbone.name} leaves the source domain out; "
                "use --meta=none, or a backbone that trains both"
            )
        none = tf.zeros([1], tf.int32)
        history = Items(none[:, tf.newaxis], none[:, tf.newaxis])
        self._score(backbone, Items(none, none), history, history)
        self.optimizer.build(self.meta_variables)

    @property
    def meta_variables(self) -> list[tf.Variable]:
        """Those of the perceptron."""
        return self.perceptron.trainable_variables

    def weights(self, model: TrainsJointly, batch: JointBatch) -> tf.Tensor:
        """As in `MetaLearner`; rows without source example take a share."""
        return self.perceptron.weights_of(self.importance(model, batch))

    def importance(self, model: TrainsJointly, batch: JointBatch) -> tf.Tensor:
        """As in `MetaLearner`; never none."""
        return self._score(
            model.backbone,
            batch.source,
            batch.source_history,
            batch.target_history,
        )

    @tf.function(reduce_retracing=True)
    def update(
        self,
        model: TrainsJointly,
        batch: JointBatch,
        held_out: JointBatch,
    ) -> None:
        """As in `MetaLearner`: the head, then one step of the perceptron."""
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
                loss = model.replacement_loss(vector, batch.target_label)
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
        """Of the upper loss, by the perceptron's variables.

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
            return model.replacement_loss(vector, held_out.target_label)

        return implicit.hypergradient(
            lower_loss,
            upper_loss,
            model.shared_variables,
            self.meta_variables,
            solver=self.solver,
        )

    def _score(
        self,
        backbone: JointBackbone,
        source: Items,
        source_history: Items,
        target_history: Items,
    ) -> tf.Tensor:
        return self.perceptron(
            backbone.source_features(source),
            backbone.source_features(source_history),
            backbone.target_features(target_history),
            source_history.item != PADDING,
            target_history.item != PADDING,
        )


def _choose(
    name: str, series: implicit.Neumann, conjugate: implicit.ConjugateGradient
) -> implicit.Solver:
    """The solver of that name, if nothing was set for the other.

    Raises:
      ValueError: if something was, or there is none of that name.
    """
    solvers: dict[str, implicit.Solver] = {
        "neumann": series,
        "cg": conjugate,
    }
    if name not in solvers:
        raise ValueError(f"solver should be neumann or cg. Received: {name!r}")
    chosen = solvers.pop(name)
    ((other_name, other),) = solvers.items()
    if other != type(other)():
        raise ValueError(
            f"solver={name} does not read options of solver={other_name}. "
            f"Received: {other}"
        )
    return chosen


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
