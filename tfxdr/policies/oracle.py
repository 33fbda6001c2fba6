"""A policy that is told what others have to find out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import numpy as np
import tensorflow as tf

from tfxdr.ops.hashing import hash_history
from tfxdr.ops.ragged import Ragged
from tfxdr.policies.base import Policy
from tfxdr.registry import policies
from tfxdr.types import Context

_SEEDS = (0, 1)  # of two hashes, which together tell all users apart
_CHUNK = 4096  # users at a time


class KnownUsers(Protocol):
    """What is asked of the users of the data.

    Attributes:
      history: source items of each user, oldest first.
      attributes: name to `[users]` text.
    """

    history: Ragged
    attributes: Mapping[str, np.ndarray]


@policies.register("oracle")
class Oracle(Policy):
    """All blocks tuned for users with a value of an attribute, none for others.

    The ceiling of a control in which the right decision is known, and a rule
    for real data: tune for new users, freeze for old ones. A user is known by
    a hash of their history, in training, evaluation and serving; one whom the
    data do not have is not tuned. Of users with the same history the majority
    decides.
    """

    has_network = False
    is_hard = True
    is_hard_in_training = True
    is_told = True

    def __init__(self, attribute: str, tuned: str, users: KnownUsers) -> None:
        """Learns who is who.

        Args:
          attribute: of the users.
          tuned: its value for those who are tuned.
          users: of the data.

        Raises:
          ValueError: there is no such attribute, or nobody has the value.
        """
        known = users.attributes
        if attribute not in known:
            raise ValueError(
                "attribute should be one of the data's users, "
                f"{', '.join(known) or 'which have none'}; received "
                f"{attribute!r}"
            )
        values = known[attribute]
        if tuned not in values:
            some = ", ".join(sorted(set(values.tolist()) - {""})[:5])
            raise ValueError(
                f"tuned should be a value of {attribute}, such as {some}; "
                f"received {tuned!r}"
            )
        hashes = _hashes_of(users.history)
        distinct, place = np.unique(hashes, return_inverse=True)
        count = np.bincount(place)
        share = np.bincount(place, weights=values == tuned) / count
        # Sorted: a user is found by bisection.
        self._hashes = tf.constant(distinct)
        self._tuned = tf.constant(share > 0.5, tf.float32)

    def call(
        self, logits: tf.Tensor, context: Context, training: bool
    ) -> tf.Tensor:
        del training
        hashes = _hash(context.history)
        place = tf.searchsorted(self._hashes, hashes)
        place = tf.minimum(place, tf.size(self._hashes) - 1)
        known = tf.gather(self._hashes, place) == hashes
        tuned = tf.where(known, tf.gather(self._tuned, place), 0.0)
        return tf.repeat(tuned[:, tf.newaxis], logits.shape[1], axis=1)


def _hash(history: tf.Tensor) -> tf.Tensor:
    """`[batch]` int64 of `[batch, length]` int32."""
    high, low = (
        tf.cast(hash_history(history, seed), tf.int64) for seed in _SEEDS
    )
    return tf.bitwise.bitwise_xor(tf.bitwise.left_shift(high, 32), low)


def _hashes_of(history: Ragged) -> np.ndarray:
    """`[users]` int64."""
    width = max(int(history.lengths.max(initial=0)), 1)
    found = [
        _hash(tf.constant(history.pad_left(rows, width))).numpy()
        for rows in np.split(
            np.arange(len(history.lengths)),
            range(_CHUNK, len(history.lengths), _CHUNK),
        )
    ]
    return np.concatenate(found)
