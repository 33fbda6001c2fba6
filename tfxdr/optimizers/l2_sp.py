"""L2-SP: tuned weights are pulled toward the pre-trained ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import tensorflow as tf

from tfxdr.optimizers.base import Anchored, Pairs, inner_optimizer
from tfxdr.registry import optimizers


class L2SP(Anchored):
    """Adds to the loss how far pre-trained weights have gone.

    The penalty is `weight / 2 * |w - w0|^2` over the weights that pre-training
    made, `w0` being their values then (Xuhong Li, Grandvalet and Davoine 2018,
    eq. 3); its gradient, `weight * (w - w0)`, is added to the loss's. Their
    second term, the decay of new weights, is left out. The inner optimizer
    gets the sum: Adam scales the pull as it scales the loss's gradient.

    The pull is dense. Of an embedding table it moves all rows at each step,
    not those alone that the batch has read: the penalty is one of the table,
    and momentum has rows drift after they were read. So a sparse gradient
    becomes a dense one. `--clip_norm` and the loss that is shown do not count
    the penalty.

    Args:
      inner: moves the weights.
      weight: of the penalty; at least 0.
      pretrained: the weights that pre-training made.

    Raises:
      ValueError: the weight is out of range.
    """

    def __init__(
        self, inner: Any, *, weight: float, pretrained: Sequence[tf.Variable]
    ) -> None:
        if not weight >= 0.0:
            raise ValueError(f"weight should be at least 0. Received: {weight}")
        super().__init__(inner, pretrained)
        self.weight = weight

    def apply_gradients(self, pairs: Pairs) -> None:
        super().apply_gradients(
            [
                (self._pulled(gradient, variable, anchor), variable)
                for (gradient, variable), anchor in zip(
                    pairs, self.anchors, strict=True
                )
            ]
        )

    def _pulled(
        self,
        gradient: tf.Tensor | tf.IndexedSlices | None,
        variable: tf.Variable,
        anchor: tf.Variable | None,
    ) -> tf.Tensor | tf.IndexedSlices | None:
        """With the penalty's; without a gradient it never leaves its anchor."""
        if anchor is None or gradient is None:
            return gradient
        pull = self.weight * (variable - anchor)
        return tf.convert_to_tensor(gradient) + pull


@optimizers.register("l2-sp")
def l2_sp(
    learning_rate: object,
    weight_decay: float | None,
    pretrained_variables: Sequence[tf.Variable],
    weight: float = 0.01,
    inner: str = "adam",
) -> L2SP:
    """A penalty on leaving pre-trained weights (Xuhong Li et al. 2018)."""
    moves = inner_optimizer("l2-sp", inner, learning_rate, weight_decay)
    return L2SP(moves, weight=weight, pretrained=pretrained_variables)
