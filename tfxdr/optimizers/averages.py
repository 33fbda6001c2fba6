"""Weights that are judged and served as averages of what training made."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from tfxdr.optimizers.base import Anchored, Around, Pairs, inner_optimizer
from tfxdr.registry import optimizers


class WiseFT(Anchored):
    """Judged between pre-trained and tuned weights: `(1 - a) w0 + a w`.

    Wortsman et al. (2022), "Robust fine-tuning of zero-shot models", eq. 1.
    New weights, such as the head, have no `w0` and are judged as they are.
    Theirs averages once, after training; here every validation judges the
    average, and so the epoch that is kept is the best for it.

    Args:
      inner: moves the weights.
      share: `a`, of the tuned weights, in [0, 1].
      pretrained: the weights that pre-training made.

    Raises:
      ValueError: the share is out of range.
    """

    def __init__(
        self, inner: Any, *, share: float, pretrained: Sequence[tf.Variable]
    ) -> None:
        if not 0.0 <= share <= 1.0:
            raise ValueError(f"share should be in [0, 1]. Received: {share}")
        super().__init__(inner, pretrained)
        self.share = share

    def averages(self, variables: Sequence[tf.Variable]) -> list[tf.Tensor]:
        """Of each variable what it is judged and served as."""
        return [
            tf.identity(variable)
            if anchor is None
            else (1.0 - self.share) * anchor + self.share * variable
            for variable, anchor in zip(variables, self.anchors, strict=True)
        ]


class Exponential(Around):
    """Judged as an exponential average of the weights after each step.

    Kingma and Ba (2015), section 7.2, "temporal averaging": with the
    correction for the start, so that the weights before the first step, such
    as those of a random head, are no part of it:

        a_t = a_{t-1} + (1 - decay) / (1 - decay^t) (w_t - a_{t-1})

    It reads and writes every weight at each step, whole tables too.

    Args:
      inner: moves the weights.
      decay: in [0, 1); an average over about `1 / (1 - decay)` steps.

    Raises:
      ValueError: the decay is out of range.
    """

    def __init__(self, inner: Any, *, decay: float) -> None:
        if not 0.0 <= decay < 1.0:
            raise ValueError(f"decay should be in [0, 1). Received: {decay}")
        super().__init__(inner)
        self.decay = decay
        self.steps = tf.Variable(0, trainable=False, dtype=tf.int64)

    def build(self, variables: Sequence[tf.Variable]) -> None:
        super().build(variables)
        self.means = [tf.Variable(v, trainable=False) for v in variables]

    def apply_gradients(self, pairs: Pairs) -> None:
        pairs = list(pairs)
        super().apply_gradients(pairs)
        steps = tf.cast(self.steps.assign_add(1), tf.float32)
        new = (1.0 - self.decay) / (1.0 - tf.pow(self.decay, steps))
        for mean, (_, variable) in zip(self.means, pairs, strict=True):
            mean.assign_add(tf.cast(new, mean.dtype) * (variable - mean))

    def averages(self, variables: Sequence[tf.Variable]) -> list[tf.Tensor]:
        """Of each variable what it is judged and served as."""
        del variables  # Those that it was built for.
        return [tf.identity(mean) for mean in self.means]


@optimizers.register("wise-ft")
def wise_ft(
    learning_rate: object,
    weight_decay: float | None,
    pretrained_variables: Sequence[tf.Variable],
    share: float = 0.5,
    inner: str = "adam",
) -> WiseFT:
    """Weights between pre-trained and tuned ones (Wortsman et al. 2022)."""
    moves = inner_optimizer("wise-ft", inner, learning_rate, weight_decay)
    return WiseFT(moves, share=share, pretrained=pretrained_variables)


@optimizers.register("ema")
def ema(
    learning_rate: object,
    weight_decay: float | None,
    decay: float = 0.99,
    inner: str = "adam",
) -> Exponential:
    """Exponential averages of the weights (Kingma and Ba 2015)."""
    moves = inner_optimizer("ema", inner, learning_rate, weight_decay)
    return Exponential(moves, decay=decay)
