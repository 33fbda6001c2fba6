"""Cross-entropy over a catalogue, whole or sampled (pre-training)."""

from __future__ import annotations

import functools
from collections.abc import Callable

import tensorflow as tf

from tfxdr.types import FIRST_ITEM

# Positions whose logits are held at once: few enough to stay in cache, and
# fewer where the catalogue is large.
_CHUNK = 512
_CHUNK_BYTES = 64 << 20


def mask_reserved(logits: tf.Tensor) -> tf.Tensor:
    """Sets the logits of padding and unknown to the lowest finite value."""
    reserved = tf.range(tf.shape(logits)[-1]) < FIRST_ITEM
    return tf.where(reserved, logits.dtype.min, logits)


def log_uniform_sample(
    num_samples: int, num_items: int, seed: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor]:
    """Draws items with replacement, frequent ones more often.

    The distribution is that of `tf.random.log_uniform_candidate_sampler`
    (item ids are sorted by falling frequency), drawn statelessly so that a
    resumed run repeats it.

    Args:
      num_samples: how many.
      num_items: size of the table, reserved ids included.
      seed: `[2]` int32.

    Returns:
      Items `[num_samples]` int32 and the log of the number of times that each
      is expected in such a draw, `[num_samples]` float32.
    """
    log_range = tf.math.log(float(num_items - FIRST_ITEM + 1))
    uniform = tf.random.stateless_uniform([num_samples], seed)
    ranks = tf.cast(tf.exp(uniform * log_range), tf.int32) - 1
    ranks = tf.clip_by_value(ranks, 0, num_items - FIRST_ITEM - 1)
    return ranks + FIRST_ITEM, log_expected_count(
        ranks + FIRST_ITEM, num_samples, num_items
    )


def log_expected_count(
    items: tf.Tensor, num_samples: int, num_items: int
) -> tf.Tensor:
    """Log of how often a log-uniform draw of `num_samples` gives an item."""
    rank = tf.cast(items - FIRST_ITEM, tf.float32)
    log_range = tf.math.log(float(num_items - FIRST_ITEM + 1))
    prob = tf.math.log1p(1.0 / (rank + 1.0)) / log_range
    return tf.math.log(prob * float(num_samples))


def next_item_softmax(
    hidden: tf.Tensor, labels: tf.Tensor, kernel: tf.Tensor, bias: tf.Tensor
) -> tf.Tensor:
    """Full cross-entropy of the next item (UAF Eq. 3, 5).

    The logits of all positions would be the largest tensor of pre-training,
    and passes over it most of a step's time. They are made for at most 512
    positions or 64 MiB at a time, and again in the backward pass; the bias is
    one more column of the matrix product, and the reserved items are left out
    of it.

    Args:
      hidden: `[positions, d]`.
      labels: `[positions]` int32 ids of real items.
      kernel: `[items, d]`; bias: `[items]`.

    Returns:
      `[positions]` losses.
    """
    # [real items, d + 1] and [positions, d + 1]: the bias is a column.
    table = tf.concat([kernel, bias[:, tf.newaxis]], axis=1)[FIRST_ITEM:]
    inputs = tf.pad(hidden, [[0, 0], [0, 1]], constant_values=1.0)
    count = tf.shape(inputs)[0]
    size = min(_CHUNK, max(1, _CHUNK_BYTES // (4 * table.shape[0])))
    missing = -count % size
    inputs = tf.pad(inputs, [[0, missing], [0, 0]])
    labels = tf.pad(labels - FIRST_ITEM, [[0, missing]])
    values = _chunked_softmax(  # [chunks, size]
        tf.reshape(inputs, [-1, size, table.shape[1]]),
        tf.reshape(labels, [-1, size]),
        table,
    )
    return tf.reshape(values, [-1])[:count]


@tf.custom_gradient
def _chunked_softmax(
    inputs: tf.Tensor, labels: tf.Tensor, table: tf.Tensor
) -> tuple[tf.Tensor, Callable]:
    """Losses `[chunks, size]` of `[chunks, size, d]` and `[items, d]`."""
    chunks = tf.shape(inputs)[0]

    def loss(index: tf.Tensor, values: tf.TensorArray) -> tuple:
        logits = tf.matmul(inputs[index], table, transpose_b=True)
        value = tf.nn.sparse_softmax_cross_entropy_with_logits(
            labels[index], logits
        )
        return index + 1, values.write(index, value)

    _, values = tf.while_loop(
        lambda index, _: index < chunks,
        loss,
        (0, _one_for_each(labels)),
        parallel_iterations=1,
    )
    values = values.stack()
    return values, functools.partial(
        _chunked_softmax_gradient, inputs, labels, table, values
    )


def _chunked_softmax_gradient(
    inputs: tf.Tensor,
    labels: tf.Tensor,
    table: tf.Tensor,
    values: tf.Tensor,
    upstream: tf.Tensor,
) -> tuple:
    """Of `_chunked_softmax`, whose losses are `values`.

    A softmax is `exp(logits - log_sum_exp)`. The sum is known from the loss,
    and subtracted as one more column of the matrix product, so that a pass over
    the logits is all it takes. `tf.nn.softmax` takes three, and multiplies by
    a reciprocal that TensorFlow's versions round differently.
    """
    chunks = tf.shape(inputs)[0]
    of_label = tf.gather(table, labels)  # [chunks, size, d + 1]
    log_sum = values + tf.reduce_sum(inputs * of_label, axis=-1)
    shifted = tf.concat([inputs, -log_sum[..., tf.newaxis]], axis=-1)
    wide = tf.pad(table, [[0, 0], [0, 1]], constant_values=1.0)
    weight = upstream[..., tf.newaxis]  # [chunks, size, 1]
    weighted = inputs * weight

    def step(
        index: tf.Tensor, of_inputs: tf.TensorArray, of_table: tf.Tensor
    ) -> tuple:
        prob = tf.exp(tf.matmul(shifted[index], wide, transpose_b=True))
        of_inputs = of_inputs.write(index, tf.matmul(prob, table))
        of_table += tf.matmul(prob, weighted[index], transpose_a=True)
        return index + 1, of_inputs, of_table

    _, of_inputs, of_table = tf.while_loop(
        lambda index, *_: index < chunks,
        step,
        (0, _one_for_each(inputs), tf.zeros_like(table)),
        parallel_iterations=1,
    )
    of_table -= tf.math.unsorted_segment_sum(
        weighted, labels, tf.shape(table)[0]
    )
    return weight * (of_inputs.stack() - of_label), None, of_table


def _one_for_each(chunks: tf.Tensor) -> tf.TensorArray:
    return tf.TensorArray(
        tf.float32, tf.shape(chunks)[0], element_shape=chunks.shape[1:]
    )


def next_item_sampled_softmax(
    hidden: tf.Tensor,
    labels: tf.Tensor,
    kernel: tf.Variable,
    bias: tf.Variable,
    *,
    num_samples: int,
    seed: tf.Tensor,
) -> tf.Tensor:
    """Cross-entropy over the label and shared log-uniform negatives.

    A negative's logit is lowered by the log of its expected count, and one
    that equals the label is left out: the sum of exponentials is then an
    unbiased estimate of the full one (importance sampling, Bengio and Senecal
    2008). Arguments and result as in `next_item_softmax`.
    """
    num_items = kernel.shape[0]
    samples, log_count = log_uniform_sample(num_samples, num_items, seed)
    negative = tf.matmul(
        hidden, tf.gather(kernel, samples), transpose_b=True
    ) + (tf.gather(bias, samples) - log_count)
    hit = labels[:, tf.newaxis] == samples  # [positions, samples]
    negative = tf.where(hit, negative.dtype.min, negative)
    positive = tf.reduce_sum(hidden * tf.gather(kernel, labels), axis=-1)
    positive += tf.gather(bias, labels)  # [positions]
    logits = tf.concat([positive[:, tf.newaxis], negative], axis=-1)
    return tf.reduce_logsumexp(logits, axis=-1) - positive
