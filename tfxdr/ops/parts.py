"""A batch in parts: each on a device of its own, all of them one batch.

What a step computes of its rows is written for a whole batch. While a device
computes a part of one, `part` says which; the few quantities that belong to
the whole batch ask for it here: means, moments, and random draws by row.
Elsewhere, and on one device always, there is no part and nothing changes.
"""

from __future__ import annotations

import contextlib
import contextvars
import dataclasses
from collections.abc import Callable, Iterator

import tensorflow as tf

_PER_COUNTER = 4  # float32 numbers that Philox makes of one counter
_PHILOX = 1  # its number among TensorFlow's generators


@dataclasses.dataclass(frozen=True)
class Part:
    """Rows of a batch that one device computes.

    A part has one row at least. Where a batch has fewer rows than there are
    parts, some repeat a row, and add nothing.

    Attributes:
      first: `[]` int32, the place of its first row in the batch.
      rows: `[]` int32, how many it has.
      total: `[]` int32, rows of the batch.
      present: `[]` float32, 1, or 0 if the part repeats a row.
      leads: whether it moves what the parts of a process share, such as
        running moments.
      add: sums tensors over all parts; gradients pass.
    """

    first: tf.Tensor
    rows: tf.Tensor
    total: tf.Tensor
    present: tf.Tensor
    leads: bool
    add: Callable[[list[tf.Tensor]], list[tf.Tensor]]


_CURRENT: contextvars.ContextVar[Part | None] = contextvars.ContextVar(
    "part", default=None
)


def current() -> Part | None:
    """The part that is computed here; none: the whole batch is."""
    return _CURRENT.get()


@contextlib.contextmanager
def entered(part: Part) -> Iterator[None]:
    """What is built inside computes a part."""
    token = _CURRENT.set(part)
    try:
        yield
    finally:
        _CURRENT.reset(token)


def leads() -> bool:
    """Whether to move here what the parts of a process share."""
    part = current()
    return part is None or part.leads


def weighed(mean: tf.Tensor, count: tf.Tensor) -> tf.Tensor:
    """What a part adds to the mean over the whole batch.

    Args:
      mean: scalar, over what the part has.
      count: scalar, of how many that is.

    Returns:
      The parts' numbers add up to the mean over all of them.
    """
    part = current()
    if part is None:
        return mean
    count = tf.cast(count, mean.dtype)
    present = tf.cast(part.present, mean.dtype)
    (total,) = part.add([present * count])
    return mean * present * count / tf.maximum(total, 1.0)


def counted_by(mean: tf.Tensor, own: tf.Tensor, by: tf.Tensor) -> tf.Tensor:
    """A mean over things of one kind, to be `weighed` by those of another.

    Args:
      mean: scalar, over what the part has of its kind.
      own: scalar, of how many that is.
      by: scalar, how many of the other kind the part has.
    """
    part = current()
    if part is None:
        return mean
    own, by = tf.cast(own, mean.dtype), tf.cast(by, mean.dtype)
    present = tf.cast(part.present, mean.dtype)
    all_own, all_by = part.add([present * own, present * by])
    share = own / tf.maximum(all_own, 1.0)
    return mean * share * all_by / tf.maximum(by, 1.0)


def softmax(logits: tf.Tensor) -> tf.Tensor:
    """The softmax over the rows of a batch, `[batch]`.

    A part's numbers are those of its rows in units of its share of the rows,
    by which its loss is `weighed`.
    """
    part = current()
    if part is None:
        return tf.nn.softmax(logits, axis=0)
    own = tf.range(part.first, part.first + part.rows)[:, tf.newaxis]
    present = tf.cast(part.present, logits.dtype)
    placed = tf.scatter_nd(own, present * logits, [part.total])
    (whole,) = part.add([placed])
    return _in_shares(part, tf.gather(tf.nn.softmax(whole), own[:, 0]))


def proportions(values: tf.Tensor) -> tf.Tensor:
    """Values over their sum over the rows of a batch; 0 if that is 0.

    Args:
      values: `[batch]`, not negative. A part's results are in the units of
        `softmax`.
    """
    part = current()
    if part is None:
        return tf.math.divide_no_nan(values, tf.reduce_sum(values))
    present = tf.cast(part.present, values.dtype)
    (total,) = part.add([present * tf.reduce_sum(values)])
    return _in_shares(part, tf.math.divide_no_nan(values, total))


def moments(vectors: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
    """Mean and variance of `[batch, d]` over the rows of a batch, `[d]`."""
    part = current()
    if part is None:
        return tf.nn.moments(vectors, axes=[0])
    total = tf.cast(part.total, vectors.dtype)
    present = tf.cast(part.present, vectors.dtype)
    (sums,) = part.add([present * tf.reduce_sum(vectors, 0)])
    mean = sums / total
    squares = tf.reduce_sum(tf.math.squared_difference(vectors, mean), 0)
    (sums,) = part.add([present * squares])
    return mean, sums / total


def uniform(shape: tf.Tensor, seed: tf.Tensor) -> tf.Tensor:
    """Numbers from [0, 1) that depend on the seed and the row in the batch.

    A part gets those that `tf.random.stateless_uniform` gives to its rows of
    the whole batch. It makes no others: Philox (Salmon et al. 2011) counts,
    and the part begins to count at its first row.

    Args:
      shape: of the result; the first dimension is the rows.
      seed: `[2]` int32.

    Returns:
      float32.
    """
    part = current()
    if part is None:
        return tf.random.stateless_uniform(shape, seed)
    shape = tf.cast(shape, tf.int64)
    start = tf.cast(part.first, tf.int64) * tf.reduce_prod(shape[1:])
    begun = start % _PER_COUNTER
    key, counter = tf.raw_ops.StatelessRandomGetKeyCounter(seed=seed)
    counter += tf.cast(tf.stack([start // _PER_COUNTER, 0]), tf.uint64)
    drawn = tf.raw_ops.StatelessRandomUniformV2(
        shape=[begun + tf.reduce_prod(shape)],
        key=key,
        counter=counter,
        alg=_PHILOX,
        dtype=tf.float32,
    )
    return tf.reshape(drawn[begun:], shape)


def _in_shares(part: Part, values: tf.Tensor) -> tf.Tensor:
    return values * tf.cast(part.total / part.rows, values.dtype)
