"""Losses of a positive against negatives, or against the whole catalogue."""

from __future__ import annotations

from collections.abc import Callable

import tensorflow as tf

from tfxdr.losses.base import InstanceLoss
from tfxdr.ops.softmax import mask_reserved
from tfxdr.registry import losses
from tfxdr.types import Batch, Head


@losses.register("bpr")
class BayesianPersonalizedRanking(InstanceLoss):
    """Pairwise ranking (UAF Eq. 8; Rendle et al. 2009).

    The mean over an instance's negatives of `-log sigmoid(o_pos - o_neg)`.
    """

    def __call__(self, user: tf.Tensor, head: Head, batch: Batch) -> tf.Tensor:
        positive = head.score(user, batch.positives)
        negative = head.score(user, batch.negatives)
        margin = positive[..., tf.newaxis] - negative
        return tf.reduce_mean(_softplus(-margin), axis=-1)


@losses.register("bce")
class BinaryCrossEntropy(InstanceLoss):
    """Binary cross-entropy of the positive and its negatives (PeterRec).

    The positive's loss plus the sum over its negatives, as in UAF's code.
    """

    def __call__(self, user: tf.Tensor, head: Head, batch: Batch) -> tf.Tensor:
        positive = head.score(user, batch.positives)
        negative = head.score(user, batch.negatives)
        return _softplus(-positive) + tf.reduce_sum(
            _softplus(negative), axis=-1
        )


@losses.register("softmax")
class Softmax(InstanceLoss):
    """Cross-entropy of the positive over the whole catalogue."""

    def __call__(self, user: tf.Tensor, head: Head, batch: Batch) -> tf.Tensor:
        log_prob = tf.nn.log_softmax(mask_reserved(head.logits(user)))
        return -tf.gather(log_prob, batch.positives, batch_dims=1)


@losses.register("sampled_softmax")
class SampledSoftmax(InstanceLoss):
    """Cross-entropy of the positive among itself and its own negatives.

    The negatives are uniform, so that no correction of their probability is
    due (it would add one constant to each); `--num_negatives` sets how many.
    """

    def __call__(self, user: tf.Tensor, head: Head, batch: Batch) -> tf.Tensor:
        positive = head.score(user, batch.positives)[..., tf.newaxis]
        negative = head.score(user, batch.negatives)
        logits = tf.concat([positive, negative], axis=-1)
        return tf.reduce_logsumexp(logits, axis=-1) - positive[..., 0]


@tf.custom_gradient
def _softplus(x: tf.Tensor) -> tuple[tf.Tensor, Callable]:
    """`log(1 + exp(x))`.

    Its gradient is a division, which TensorFlow's versions round alike; their
    own does not.
    """
    return tf.nn.softplus(x), lambda slope: slope / (1.0 + tf.exp(-x))
