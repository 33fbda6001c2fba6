"""What lies below the first tuned block, computed once for each user."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import tensorflow as tf

from tfxdr.backbones import Backbone
from tfxdr.models.transfer import TransferModel
from tfxdr.ops.ragged import Ragged
from tfxdr.ops.tracing import graph_of
from tfxdr.types import FIRST_ITEM

_ROOM = 1 << 30  # bytes of states that may be held


class States:
    """Hidden vectors of some users, and their masks.

    Args:
      users: rows of the users, as `[n]` integers.
      hidden: `[n, positions, d]`.
      mask: `[n, positions]` bool, true at items.
    """

    def __init__(
        self, users: np.ndarray, hidden: np.ndarray, mask: np.ndarray
    ) -> None:
        place = np.zeros(users.max() + 1, np.int32)
        place[users] = np.arange(len(users))
        self._place = tf.constant(place)
        self._hidden = tf.constant(hidden)
        self._mask = tf.constant(mask)

    def of(self, rows: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        """`[batch, positions, d]` and `[batch, positions]` of users."""
        place = tf.gather(self._place, rows)
        return tf.gather(self._hidden, place), tf.gather(self._mask, place)


class RememberedBackbone(Backbone):
    """A backbone whose lowest blocks are looked up by user, not computed.

    In place of a history it reads a user's row. Blocks above, and their
    variables, are those of the backbone; so is what it answers.

    Args:
      backbone: with frozen blocks at the bottom.
      depth: how many.
      states: of each user's row, what comes out of them.
    """

    def __init__(
        self,
        backbone: Backbone,
        depth: int,
        states: States,
    ) -> None:
        super().__init__(backbone.embedding, backbone.blocks, name="remembered")
        self._backbone = backbone
        self._depth = depth
        self._states = states

    def encode(
        self,
        history: tf.Tensor,
        actions: tf.Tensor | None = None,
        seed: tf.Tensor | None = None,
        *,
        last_alone: bool = False,
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """As `Backbone.encode`; a history is `[batch, 1]`, the user's row."""
        rows = history[:, -1] - FIRST_ITEM
        hidden, mask = self._backbone.run_blocks(
            *self._states.of(rows),
            first=self._depth,
            actions=actions,
            seed=seed,
            last_alone=last_alone,
        )
        return self._backbone.read_out(hidden, mask), mask


def remembered(
    model: TransferModel,
    history: Ragged,
    users: Sequence[int] | np.ndarray,
    batch_size: int,
) -> TransferModel | None:
    """The same model with its frozen prefix looked up, where it has one.

    Args:
      model: one tower, with the weights that it will be trained from.
      history: of all users.
      users: rows of those who will be asked for; one at least.
      batch_size: users that are computed at a time.

    Returns:
      A model that shares head, blocks and policy with the given one and reads
      a user's row, as `user_rows` gives it, in place of a history; or none if
      nothing is frozen below, if dropout makes it another at each step, or if
      the states take more than a gibibyte.
    """
    depth = frozen_blocks(model)
    if not depth or not _is_settled(model.backbone, depth):
        return None
    prefix = _prefix(model, depth)
    longest_first = np.asarray(users)[np.argsort(-history.lengths[users])]
    states = _computed(prefix, history, longest_first, batch_size)
    if states is None:
        return None
    fast = TransferModel(
        RememberedBackbone(model.backbone, depth, states),
        model.head.num_items,
        loss=model.instance_loss,
        policy=model.policy,
        pooling=model.pooling,
        top_k=model.top_k,
    )
    fast.head = model.head
    return fast


def frozen_blocks(model: TransferModel) -> int:
    """How many blocks from the bottom are the same throughout training."""
    backbone = model.backbone
    if model.is_routed or model.source is not None:
        return 0
    if any(layer.trainable_variables for layer in backbone.input_layers):
        return 0
    tuned = [bool(block.trainable_variables) for block in backbone.blocks]
    return tuned.index(True) if any(tuned) else len(tuned)


def _is_settled(backbone: Backbone, depth: int) -> bool:
    """Whether a training step's seed changes nothing below."""
    real = np.arange(FIRST_ITEM, backbone.embedding.input_dim)
    history = tf.constant(np.resize(real, [4, 8]), tf.int32)

    def below(seed: tf.Tensor | None) -> np.ndarray:
        entered = backbone.embed(history, seed)
        return np.asarray(
            backbone.run_blocks(*entered, end=depth, seed=seed)[0], np.float32
        )

    return np.allclose(below(tf.constant([3, 5])), below(None), atol=1e-6)


def _prefix(model: TransferModel, depth: int) -> Callable:
    """Maps `[batch, length]` to states and mask, as one graph."""
    backbone, last_alone = model.backbone, model.pooling == "last"

    def below(history: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        return backbone.run_blocks(
            *backbone.embed(history), end=depth, last_alone=last_alone
        )

    return graph_of(
        below,
        backbone,
        input_signature=[tf.TensorSpec([None, None], tf.int32)],
    )


def _computed(
    prefix: Callable, history: Ragged, users: np.ndarray, batch_size: int
) -> States | None:
    """Of users with the longest history first; none if there is no room."""
    hidden = np.zeros([0, 0, 0])
    mask = np.zeros([0, 0], bool)
    for start in range(0, len(users), batch_size):
        chosen = users[start : start + batch_size]
        length = max(int(history.lengths[chosen[0]]), 1)
        found, real = prefix(tf.constant(history.pad_left(chosen, length)))
        columns = found.shape[1]
        if not start:
            shape = [len(users), columns, found.shape[2]]
            if np.prod(shape) * found.dtype.size > _ROOM:
                return None
            hidden = np.zeros(shape, found.dtype.as_numpy_dtype)
            mask = np.zeros(shape[:2], bool)
        rows = slice(start, start + len(chosen))
        hidden[rows, hidden.shape[1] - columns :] = found
        mask[rows, mask.shape[1] - columns :] = real
    return States(users, hidden, mask)
