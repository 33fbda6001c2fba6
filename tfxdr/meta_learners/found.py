"""Weights of source behaviors that an earlier run has found."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import tensorflow as tf

from tfxdr.backbones.base import JointBackbone
from tfxdr.errors import InputError
from tfxdr.evaluation.behaviors import BehaviorWeights
from tfxdr.layers.behavior_perceptron import share_out
from tfxdr.meta_learners.base import MetaLearner, TrainsJointly
from tfxdr.registry import meta_learners
from tfxdr.types import FIRST_ITEM, JointBatch

_FILE = "behavior_weights.npz"


@meta_learners.register("found")
class Found(MetaLearner):
    """Behaviors count as much as an earlier run has found; nothing is learned.

    A run of `bip` keeps a meta set from the model, and has trained it with
    weights that were not yet right. Trained once more from its first weights,
    on all rows, the model has what was found from the start, as an
    architecture is trained anew once it is found (Liu et al. 2019, DARTS); the
    paper of BIP goes on with the model of the search.

    A behavior that the run did not weigh, such as of a user without test
    events, counts as much as others on its item do on average; one on an item
    that it did not meet, as much as the average behavior.
    """

    def __init__(self, run: str, weight: float = 1.0) -> None:
        """Reads what the run has found.

        Args:
          run: its folder, of the same data.
          weight: of the source domain's mean loss.

        Raises:
          InputError: the run has left no weights of behaviors, or of none.
          ValueError: the weight is negative.
        """
        super().__init__()
        if not weight >= 0:
            raise ValueError(f"weight should be 0 or more. Received: {weight}")
        self.weight = weight
        self._flag = f"--meta=found(run={run})"
        path = Path(run) / _FILE
        if not path.is_file():
            raise InputError(
                f"{self._flag}: expected the folder of a run whose --meta "
                f"learns weights, such as bip, found no {path}"
            )
        weights = BehaviorWeights.load(path)
        logs = weights.log_relative().astype(np.float32)
        self._users = int(weights.user.max()) + 1
        self._items = int(weights.item.max()) + 1
        width = self._items + 1  # the last stands for all others
        keys = weights.user.astype(np.int64) * width + weights.item
        known, place = np.unique(keys, return_inverse=True)
        self._keys = tf.constant(known)
        self._logs = tf.constant(_means(place, logs, len(known)))
        self._of_items = tf.constant(_means(weights.item, logs, width))

    def build(self, backbone: JointBackbone) -> None:
        """Makes nothing.

        Raises:
          InputError: the run has users or items that these data have not.
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
