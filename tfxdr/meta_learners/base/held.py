"""Weights of source behaviors that are known, and held."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from tfxdr.backbones.base import JointBackbone
from tfxdr.errors import InputError
from tfxdr.evaluation.behaviors import BehaviorWeights
from tfxdr.layers.behavior_perceptron import share_out
from tfxdr.meta_learners.base.meta_learner import MetaLearner, TrainsJointly
from tfxdr.types import FIRST_ITEM, JointBatch


class HeldWeights(MetaLearner):
    """Behaviors count as much as was found before; nothing is learned.

    A run of `bip` keeps a meta set from the model, and has trained it with
    weights that were not yet right. Trained once more from its first weights,
    on all rows, the model has what was found from the start, as an
    architecture is trained anew once it is found (Liu et al. 2019, DARTS); the
    paper of BIP goes on with the model of the search.

    A behavior that was not weighed counts as much as others on its item do on
    average; one on an item that was not met, as much as the average behavior.

    Args:
      known: what was found.
      weight: of the source domain's mean loss.
      flag: by which they were asked for, for errors.

    Raises:
      InputError: there is not one behavior.
      ValueError: the weight is negative.
    """

    def __init__(
        self, known: BehaviorWeights, weight: float = 1.0, flag: str = "--meta"
    ) -> None:
        super().__init__()
        if not weight >= 0:
            raise ValueError(f"weight should be 0 or more. Received: {weight}")
        self.weight = weight
        self._flag = flag
        logs = known.log_relative().astype(np.float32)
        self._users = int(known.user.max()) + 1
        self._items = int(known.item.max()) + 1
        width = self._items + 1  # the last stands for all others
        keys = known.user.astype(np.int64) * width + known.item
        pairs, place = np.unique(keys, return_inverse=True)
        self._keys = tf.constant(pairs)
        self._logs = tf.constant(_means(place, logs, len(pairs)))
        self._of_items = tf.constant(_means(known.item, logs, width))

    def build(self, backbone: JointBackbone) -> None:
        """Makes nothing.

        Raises:
          InputError: there are weights of users or items that these data have
            not.
        """
        sizes = backbone.sizes
        if (
            self._users > sizes.users - FIRST_ITEM
            or self._items > sizes.source_items
        ):
            raise InputError(
                f"{self._flag}: expected a run of the same data, with at most "
                f"{sizes.users - FIRST_ITEM} users and {sizes.source_items} "
                f"source items, found {self._users} and {self._items}"
            )

    def weights(self, model: TrainsJointly, batch: JointBatch) -> tf.Tensor:
        """As in `MetaLearner`; they add up to the option."""
        return share_out(self.weight, self.importance(model, batch))

    def importance(self, model: TrainsJointly, batch: JointBatch) -> tf.Tensor:
        """As in `MetaLearner`; never none."""
        del model
        item = tf.minimum(batch.source.item, self._items)
        row = tf.cast(batch.user - FIRST_ITEM, tf.int64)
        key = row * (self._items + 1) + tf.cast(item, tf.int64)
        place = tf.searchsorted(self._keys, key)
        place = tf.minimum(place, len(self._keys) - 1)
        return tf.where(
            tf.gather(self._keys, place) == key,
            tf.gather(self._logs, place),
            tf.gather(self._of_items, item),
        )


def _means(place: np.ndarray, values: np.ndarray, size: int) -> np.ndarray:
    """`[size]` float32 of the values at each place, 0 where there is none."""
    count = np.bincount(place, minlength=size)
    total = np.bincount(place, values, minlength=size)
    return (total / np.maximum(count, 1)).astype(np.float32)
