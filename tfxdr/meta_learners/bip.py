"""Behavioral importance, learned on two levels (BIP, Chen et al. 2023)."""

from __future__ import annotations

from collections.abc import Sequence

import tensorflow as tf

from tfxdr.backbones.base import JointBackbone
from tfxdr.layers.behavior_perceptron import BehaviorPerceptron
from tfxdr.meta_learners.base import Bilevel, Gradient, TrainsJointly
from tfxdr.ops import implicit
from tfxdr.registry import meta_learners
from tfxdr.types import HELD_OUT, PADDING, Items, JointBatch


@meta_learners.register("bip")
class BIP(Bilevel):
    """Learns the weight of every source behavior on two levels (BIP).

    A perceptron weighs the source examples of a batch: `relu(prior)` times a
    softmax over all rows. The lower level trains the model with these weights
    held fixed. The upper level, `update`, moves the perceptron so that what
    the lower level makes of the backbone serves the target domain's held-out
    rows. It differentiates through the minimum of the lower loss, where the
    weights are a function of the candidates' embeddings as well (one linear
    function of the candidate lets gradients through), as in the authors' code.
    """

    known_as = "bip"

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
        warm_up: int = 0,
        meta_set: str = HELD_OUT,
        matched: bool = False,
        learn_prior: bool = True,
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
        detached: bool = True,
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
          warm_up: training steps before the first `interval` begins.
          meta_set: where the rows of the upper loss come from: `held-out`, the
            part that `--meta_fraction` keeps out of training; `training`, the
            rows that train, as the authors have it; or `rotating`, another
            part of that size in every epoch, so that all rows train.
          matched: whether the upper level's lower loss is that of as many
            training rows of the users whose rows the upper loss has. A user's
            vector is moved by their own rows alone, and the last batch has few
            of them.
          learn_prior: whether how much the source domain counts as a whole
            is learned, too, as the authors have it. Once that falls to 0 no
            gradient is left, of it or of the weights; held, it is 1.
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
          detached: whether a training step holds the weights fixed; otherwise
            it moves the items' vectors by way of the weights, too.

        Raises:
          ValueError: if an option is out of range, or is not the solver's.
        """
        super().__init__(
            interval,
            head_steps,
            weight_decay,
            optimizer=optimizer,
            learning_rate=learning_rate,
            clip_norm=clip_norm,
            head_learning_rate=head_learning_rate,
            warm_up=warm_up,
            meta_set=meta_set,
            matched=matched,
            learn_prior=learn_prior,
            solver=_choose(
                solver,
                implicit.Neumann(terms, alpha, scale_by_alpha),
                implicit.ConjugateGradient(max_steps, tolerance, damping),
            ),
        )
        self.detached = detached
        self.perceptron = BehaviorPerceptron(
            num_heads, head_size, hidden, bound, masked=masked
        )

    @property
    def filling(self) -> BehaviorPerceptron:
        """The perceptron."""
        return self.perceptron

    def make_variables(self, backbone: JointBackbone) -> None:
        """Those of the perceptron."""
        none = tf.zeros([1], tf.int32)
        history = Items(none[:, tf.newaxis], none[:, tf.newaxis])
        self._score(backbone, Items(none, none), history, history)

    def gradients(
        self,
        model: TrainsJointly,
        batch: JointBatch,
        variables: Sequence[tf.Variable],
    ) -> tuple[tf.Tensor, list[Gradient]]:
        """As in `MetaLearner`, unless weights are to take part."""
        if self.detached:
            return super().gradients(model, batch, variables)
        with tf.GradientTape() as tape:
            loss = model.lower_loss(batch, self.weights(model, batch))
        return loss, tape.gradient(loss, list(variables))

    def importance(self, model: TrainsJointly, batch: JointBatch) -> tf.Tensor:
        """As in `MetaLearner`; never none."""
        return self._score(
            model.backbone,
            batch.source,
            batch.source_history,
            batch.target_history,
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
