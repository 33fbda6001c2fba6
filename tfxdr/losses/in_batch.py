"""The positive against the batch's other positives."""

from __future__ import annotations

import tensorflow as tf
from tensorflow import keras

from tfxdr.losses.base import InstanceLoss
from tfxdr.ops import tables
from tfxdr.registry import losses
from tfxdr.types import Batch, Head


@losses.register("in_batch")
class InBatch(InstanceLoss):
    """Cross-entropy of the positive among the batch's other positives.

    tensorflow-recommenders' retrieval task with the correction of Yi et al.
    (2019): a frequent item is a negative more often, so the log of its
    probability is taken off its logit. A user's other positives and repeats
    of the item are left out.
    """

    needs_whole_batch = True

    def __init__(self, item_probability: tf.Tensor) -> None:
        """Makes the task.

        Args:
          item_probability: `[items]` float32, each item's share of the
            training instances.
        """
        # Only this loss needs the library, which is slow to import.
        import tensorflow_recommenders as tfrs

        self._item_probability = tf.constant(item_probability, tf.float32)
        self._task = tfrs.tasks.Retrieval(
            keras.losses.CategoricalCrossentropy(
                from_logits=True, reduction=keras.losses.Reduction.NONE
            ),
            remove_accidental_hits=True,
        )

    def __call__(self, user: tf.Tensor, head: Head, batch: Batch) -> tf.Tensor:
        where = tf.where(batch.positives != 0)  # [instances, 2]
        items = tf.gather_nd(batch.positives, where)
        rows = where[:, 0]
        bias = tables.rows(head.bias, items)[:, tf.newaxis]
        others = rows[:, tf.newaxis] != rows
        values = self._task(
            tf.pad(tf.gather(user, rows), [[0, 0], [0, 1]], constant_values=1),
            tf.concat([tables.rows(head.kernel, items), bias], axis=-1),
            candidate_sampling_probability=tf.gather(
                self._item_probability, items
            ),
            candidate_ids=items,
            score_mask=others | tf.eye(tf.size(items), dtype=tf.bool),
            compute_metrics=False,
        )
        return tf.scatter_nd(where, values, tf.shape(batch.positives, tf.int64))
