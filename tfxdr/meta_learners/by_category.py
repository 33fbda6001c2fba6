"""A learned weight for each category of source items."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from tfxdr.backbones.base import JointBackbone
from tfxdr.errors import InputError
from tfxdr.layers.category_weights import CategoryWeights
from tfxdr.meta_learners.base import Bilevel, TrainsJointly
from tfxdr.ops import implicit
from tfxdr.registry import meta_learners
from tfxdr.types import HELD_OUT, JointBatch


@meta_learners.register("by-category")
class ByCategory(Bilevel):
    """Behaviors on items of one category count the same; how much is learned.

    The rung between `constant` and `bip`: the upper level is BIP's, and a
    table with a number for each category of source items stands where BIP has
    a perceptron. What it finds can be read off the table, and a perceptron has
    to be better than that to be worth its reading of histories.
    """

    known_as = "by-category"

    def __init__(
        self,
        source_categories: np.ndarray | None,
        interval: int = 100,
        head_steps: int = 100,
        weight_decay: float = 0.0,
        *,
        optimizer: str = "adam",
        learning_rate: float = 0.02,
        clip_norm: float = 10.0,
        head_learning_rate: float = 1e-2,
        warm_up: int = 0,
        meta_set: str = HELD_OUT,
        matched: bool = False,
        learn_prior: bool = True,
        terms: int = 3,
        alpha: float = 1.0,
        bound: float = 0.0,
    ) -> None:
        """Keeps the options.

        Args:
          source_categories: `[items]` text of each source item; none if the
            data have no categories.
          interval: training steps between two updates.
          head_steps: on the replacement head, before each update.
          weight_decay: times the table and the prior, is added to their
            clipped gradient.
          optimizer: of the table, `sgd` or `adam`.
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
          terms: of the Neumann series, beside the first.
          alpha: step size of the series.
          bound: of a log-importance: one category weighs up to
            `exp(2 * bound)` times another. 0 is none.

        Raises:
          InputError: source items have no categories.
          ValueError: an option is out of range.
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
            solver=implicit.Neumann(terms, alpha),
        )
        if source_categories is None or not set(source_categories) - {""}:
            raise InputError(
                "--meta=by-category weighs categories of source items, and "
                "the data have none; use --meta=constant or bip"
            )
        self.bound = bound

    @property
    def filling(self) -> CategoryWeights:
        """The table."""
        return self.table

    def make_variables(self, backbone: JointBackbone) -> None:
        """A number for each category, and one for the domain."""
        self.table = CategoryWeights(
            backbone.sizes.source_categories, self.bound
        )
        self.table(tf.zeros([1], tf.int32))

    def importance(self, model: TrainsJointly, batch: JointBatch) -> tf.Tensor:
        """As in `MetaLearner`; never none."""
        del model
        return self.table(batch.source.category)
