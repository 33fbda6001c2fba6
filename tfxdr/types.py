"""What the parts hand to each other."""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, NamedTuple, Protocol

if TYPE_CHECKING:
    import numpy as np
    import tensorflow as tf

PADDING = 0  # left of a history, right of target items
UNKNOWN = 1  # an item that the vocabulary does not have
FIRST_ITEM = 2  # the most frequent real item

# Where the rows of a meta-learner's upper level come from.
META_SETS = HELD_OUT, TRAINING, ROTATING = "held-out", "training", "rotating"


class Draw(enum.IntEnum):
    """Tells the random draws of one step apart.

    Each use folds its number into the step's seed
    (`tf.random.experimental.stateless_fold_in`), so that none repeats
    another's numbers.
    """

    NEGATIVES = 1
    CANDIDATES = 2
    DROPOUT = 3
    POLICY = 4
    MASKING = 5
    SOURCE = 6
    SOFTMAX = 7


class Batch(NamedTuple):
    """One training step's input; every row is a user.

    Attributes:
      history: `[batch, length]` int32 source items, oldest first, padded with
        0 on the left to the longest history of the batch.
      positives: `[batch, targets]` int32 target items, padded with 0 on the
        right; `[batch, 0]` in pre-training.
      negatives: `[batch, targets, negatives]` int32 sampled target items.
      candidates: `[batch, candidates]` int32 target items that are no
        positive of the user, for a policy that ranks; else `[batch, 0]`.
      seed: `[2]` int32, for every stateless random draw of this step.
      step: `[]` int32, from 0 over the whole training.
      epoch: `[]` int32, from 0.
    """

    history: tf.Tensor
    positives: tf.Tensor
    negatives: tf.Tensor
    candidates: tf.Tensor
    seed: tf.Tensor
    step: tf.Tensor
    epoch: tf.Tensor


class Items(NamedTuple):
    """Items with their categories.

    Attributes:
      item: int32 ids, of any shape; 0 is none.
      category: int32 ids of the same shape; 1 where the data have none.
    """

    item: tf.Tensor
    category: tf.Tensor


class JointSizes(NamedTuple):
    """How many rows the tables of a joint model have.

    The reserved ids 0 (none) and 1 (unknown) are counted in.

    Attributes:
      users: of both domains.
      source_items: items of the source domain.
      target_items: items of the target domain.
      source_categories: categories of the source's items; 2 where it has none.
      target_categories: likewise of the target's.
    """

    users: int
    source_items: int
    target_items: int
    source_categories: int
    target_categories: int


class JointBatch(NamedTuple):
    """Rows of a joint model: a target example beside a source example.

    Both are of one user. The histories hold what came before the target
    example, and not the source example itself.

    Attributes:
      user: `[batch]` int32, row of the user table; 1 is unknown.
      source: `[batch]`, the source example; items are 0 where there is none.
      target: `[batch]`, the target example.
      source_label: `[batch]` float32, 0 or 1.
      target_label: `[batch]` float32, 0 or 1.
      has_source: `[batch]` float32, 1 where there is a source example.
      source_history: `[batch, length]`, oldest first, padded with 0 on the
        left to a length that all batches share.
      target_history: likewise.
      seed: `[2]` int32, for every stateless random draw of this step.
      step: `[]` int32, from 0 over the whole training.
      epoch: `[]` int32, from 0.
      negatives: `[batch, number]`, sampled target items from which a ranking
        is learned beside the labels; empty without any.
    """

    user: tf.Tensor
    source: Items
    target: Items
    source_label: tf.Tensor
    target_label: tf.Tensor
    has_source: tf.Tensor
    source_history: Items
    target_history: Items
    seed: tf.Tensor
    step: tf.Tensor
    epoch: tf.Tensor
    negatives: Items | tuple[()] = ()


class Context(NamedTuple):
    """What a policy may need beside its logits.

    Attributes:
      history: `[batch, length]` int32, padded with 0 on the left.
      seed: `[2]` int32, the policy's own at this step; zeros at inference.
      step: `[]` int32 of the training; 0 at inference.
      epoch: `[]` int32, from 0; 0 at inference.
    """

    history: tf.Tensor
    seed: tf.Tensor
    step: tf.Tensor
    epoch: tf.Tensor


class Scorer(Protocol):
    """Anything that scores the whole target catalogue for a history."""

    def __call__(self, history: np.ndarray) -> tf.Tensor | np.ndarray:
        """Maps `[batch, length]` int32 to `[batch, items]` float32."""
        ...


class Decider(Protocol):
    """Anything that says how far each block runs tuned for a history."""

    def __call__(self, history: np.ndarray) -> tf.Tensor | np.ndarray:
        """Maps `[batch, length]` int32 to `[batch, blocks]` float32."""
        ...


class Head(Protocol):
    """What a loss may ask of the layer that scores items.

    Attributes:
      kernel: `[items, d]`, what a user vector is multiplied by.
      bias: `[items]`.
    """

    kernel: tf.Variable | tf.Tensor
    bias: tf.Variable | tf.Tensor

    def score(self, user: tf.Tensor, items: tf.Tensor) -> tf.Tensor:
        """Logits of chosen items: `[batch, d]`, `[batch, ...]` ids."""
        ...

    def logits(self, user: tf.Tensor) -> tf.Tensor:
        """Logits of the whole table, `[batch, items]`."""
        ...
