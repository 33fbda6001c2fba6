"""Cross-entropy over a catalogue, whole or sampled (pre-training)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import tensorflow as tf

from tfxdr.ops.tables import Table, rows
from tfxdr.types import FIRST_ITEM

# Positions whose logits are held at once: few enough to stay in cache, and
# fewer where the catalogue is large: they are held three times. (glibc gives
# blocks of 32 MiB and more back to the system each time, and takes them page by
# page.)
_CHUNK = 512
_CHUNK_BYTES = 20 << 20


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
    hidden: tf.Tensor,
    labels: tf.Tensor,
    kernel: tf.Tensor,
    bias: tf.Tensor,
    weights: tf.Tensor,
) -> tf.Tensor:
    """Full cross-entropy of the next item, summed (UAF Eq. 3, 5).

    The logits of all positions would be the largest tensor of pre-training.
    They are made for some positions at a time, 512 or 20 MiB at most, and live
    until loss and gradients of these are known: the forward pass computes both,
    so that no logit is kept or made twice. A gradient of the table needs to
    know what each position counts, so the weights are an argument, and what is
    returned is the sum.

    Args:
      hidden: `[positions, d]`.
      labels: `[positions]` int32 ids of real items.
      kernel: `[items, d]`; bias: `[items]`.
      weights: `[positions]`, constants.

    Returns:
      `[]`, the sum of weights times losses.
    """
    return _fused_softmax(
        hidden,
        labels - FIRST_ITEM,
        *_real_items(kernel, bias),
        weights,
    )


def next_item_losses(
    hidden: tf.Tensor, labels: tf.Tensor, kernel: tf.Tensor, bias: tf.Tensor
) -> tf.Tensor:
    """Full cross-entropy of each position, where no gradient is asked for.

    It has one, for which the logits of all positions are kept.

    Args:
      hidden: `[positions, d]`.
      labels: `[positions]` int32 ids of real items.
      kernel: `[items, d]`; bias: `[items]`.

    Returns:
      `[positions]`.
    """
    kernel, bias = _real_items(kernel, bias)
    losses = tf.map_fn(
        lambda chunk: _exponentials(chunk[0], chunk[1], kernel, bias)[0],
        _chunks([hidden, labels - FIRST_ITEM], kernel.shape[0]),
        parallel_iterations=1,
        fn_output_signature=kernel.dtype,
    )  # [chunks, size]
    return tf.reshape(losses, [-1])[: tf.shape(hidden)[0]]


@tf.custom_gradient
def _fused_softmax(
    hidden: tf.Tensor,
    labels: tf.Tensor,
    kernel: tf.Tensor,
    bias: tf.Tensor,
    weights: tf.Tensor,
) -> tuple[tf.Tensor, Callable]:
    """As `next_item_softmax`, all items being real.

    With `p` the softmax and `w` a weight, the gradient of a logit is `w (p -
    [item is label])`. Here are the products with the first term, chunk by
    chunk; the second is rows of the kernel, and is added to its gradient row by
    row.
    """
    inputs = _chunks([hidden, labels, weights], kernel.shape[0])

    def step(
        index: tf.Tensor,
        of_hidden: tf.TensorArray,
        total: tf.Tensor,
        of_kernel: tf.Tensor,
        of_bias: tf.Tensor,
    ) -> tuple:
        vectors, items, weight = (values[index] for values in inputs)
        loss, power, norm = _exponentials(vectors, items, kernel, bias)
        share = (weight / norm)[:, tf.newaxis]  # [size, 1]
        of_hidden = of_hidden.write(index, share * tf.matmul(power, kernel))
        return (
            index + 1,
            of_hidden,
            total + tf.reduce_sum(weight * loss),
            of_kernel + tf.matmul(power, share * vectors, transpose_a=True),
            of_bias + tf.matmul(power, share, transpose_a=True)[:, 0],
        )

    count = tf.shape(inputs[0])[0]
    arrays = tf.TensorArray(
        hidden.dtype, count, element_shape=inputs[0].shape[1:]
    )
    _, of_hidden, total, of_kernel, of_bias = tf.while_loop(
        lambda index, *_: index < count,
        step,
        (
            0,
            arrays,
            tf.zeros([], hidden.dtype),
            tf.zeros_like(kernel),
            tf.zeros_like(bias),
        ),
        parallel_iterations=1,
    )
    of_hidden = tf.reshape(of_hidden.stack(), [-1, kernel.shape[1]])
    of_hidden = of_hidden[: tf.shape(hidden)[0]]
    column = weights[:, tf.newaxis]
    of_hidden -= column * tf.gather(kernel, labels)
    of_kernel = tf.tensor_scatter_nd_sub(
        of_kernel, labels[:, tf.newaxis], column * hidden
    )
    of_bias = tf.tensor_scatter_nd_sub(of_bias, labels[:, tf.newaxis], weights)

    def gradient(slope: tf.Tensor) -> tuple:
        return (
            slope * of_hidden,
            None,
            slope * of_kernel,
            slope * of_bias,
            None,
        )

    return total, gradient


def _exponentials(
    hidden: tf.Tensor, labels: tf.Tensor, kernel: tf.Tensor, bias: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Losses `[n]`, numerators of the softmax `[n, items]`, and their sums.

    The division is left to where it costs least. `tf.nn.softmax` multiplies by
    a reciprocal that TensorFlow's versions round differently.
    """
    logits = tf.nn.bias_add(tf.matmul(hidden, kernel, transpose_b=True), bias)
    logits -= tf.reduce_max(logits, axis=1, keepdims=True)
    of_label = tf.gather(logits, labels, batch_dims=1)
    power = tf.exp(logits)
    norm = tf.reduce_sum(power, axis=1)
    return tf.math.log(norm) - of_label, power, norm


def _real_items(
    kernel: tf.Tensor, bias: tf.Tensor
) -> tuple[tf.Tensor, tf.Tensor]:
    """Without the reserved rows."""
    kernel, bias = tf.convert_to_tensor(kernel), tf.convert_to_tensor(bias)
    return kernel[FIRST_ITEM:], bias[FIRST_ITEM:]


def _chunks(tensors: Sequence[tf.Tensor], num_items: int) -> list[tf.Tensor]:
    """`[positions, ...]` to `[chunks, size, ...]`, zeros in what is too much.

    Chunks are as equal as they can be, so that few positions are.
    """
    most = min(_CHUNK, max(1, _CHUNK_BYTES // (4 * num_items)))
    tensors = [tf.convert_to_tensor(values) for values in tensors]
    positions = tf.shape(tensors[0])[0]
    count = tf.maximum(-(-positions // most), 1)
    missing = -positions % count
    size = (positions + missing) // count
    return [
        tf.reshape(
            tf.pad(values, [[0, missing], *[[0, 0]] * (values.shape.rank - 1)]),
            tf.concat([[count, size], values.shape[1:]], 0),
        )
        for values in tensors
    ]


def next_item_sampled_softmax(
    hidden: tf.Tensor,
    labels: tf.Tensor,
    kernel: Table,
    bias: Table,
    *,
    num_samples: int,
    seed: tf.Tensor,
) -> tf.Tensor:
    """Cross-entropy over the label and shared log-uniform negatives.

    A negative's logit is lowered by the log of its expected count, and one
    that equals the label is left out: the sum of exponentials is then an
    unbiased estimate of the full one (importance sampling, Bengio and Senecal
    2008). Arguments and result as in `next_item_losses`; of tables in shards,
    only the rows of labels and negatives are read.
    """
    num_items = kernel.shape[0]
    samples, log_count = log_uniform_sample(num_samples, num_items, seed)
    negative = tf.matmul(hidden, rows(kernel, samples), transpose_b=True) + (
        rows(bias, samples) - log_count
    )
    hit = labels[:, tf.newaxis] == samples  # [positions, samples]
    negative = tf.where(hit, negative.dtype.min, negative)
    positive = tf.reduce_sum(hidden * rows(kernel, labels), axis=-1)
    positive += rows(bias, labels)  # [positions]
    logits = tf.concat([positive[:, tf.newaxis], negative], axis=-1)
    return tf.reduce_logsumexp(logits, axis=-1) - positive
