"""What the parts hand to each other."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    import numpy as np
    import tensorflow as tf

PADDING = 0  # left of a history, right of target items
UNKNOWN = 1  # an item that the vocabulary does not have
FIRST_ITEM = 2  # the most frequent real item


class Batch(NamedTuple):
    """One training step's input; every row is a user.

    Attributes:
      history: `[batch, length]` int32 source items, oldest first, padded with
        0 on the left to the longest history of the batch.
      positives: `[batch, targets]` int32 target items, padded with 0 on the
        right; `[batch, 0]` in pre-training.
      negatives: `[batch, targets, negatives]` int32 sampled target items.
      seed: `[2]` int32, for every stateless random draw of this step.
    """

    history: tf.Tensor
    positives: tf.Tensor
    negatives: tf.Tensor
    seed: tf.Tensor


class Scorer(Protocol):
    """Anything that scores the whole target catalogue for a history."""

    def __call__(self, history: np.ndarray) -> tf.Tensor | np.ndarray:
        """Maps `[batch, length]` int32 to `[batch, items]` float32."""
        ...


class Head(Protocol):
    """What a loss may ask of the layer that scores items.

    Attributes:
      kernel: `[items, d]`, what a user vector is multiplied by.
      bias: `[items]`.
    """

    kernel: tf.Variable
    bias: tf.Variable

    def score(self, user: tf.Tensor, items: tf.Tensor) -> tf.Tensor:
        """Logits of chosen items: `[batch, d]`, `[batch, ...]` ids."""
        ...

    def logits(self, user: tf.Tensor) -> tf.Tensor:
        """Logits of the whole table, `[batch, items]`."""
        ...
