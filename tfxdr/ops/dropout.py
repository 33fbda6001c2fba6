"""Dropout that a seed decides."""

from __future__ import annotations

import tensorflow as tf

from tfxdr.ops import parts


def dropout(
    x: tf.Tensor, rate: float, seed: tf.Tensor | None = None
) -> tf.Tensor:
    """Zeroes a share of the values and scales the others up to keep the mean.

    Args:
      x: any shape, float.
      rate: share of values that become 0, in [0, 1).
      seed: `[2]` int32, which decides the values; `None` at inference.

    Returns:
      The shape of `x`; `x` itself without a seed or with rate 0.
    """
    if seed is None or rate == 0:
        return x
    if parts.current() is not None:
        kept = parts.uniform(tf.shape(x), seed) >= rate
        return tf.where(kept, x * (1.0 / (1.0 - rate)), 0.0)
    # A named generator: the default one depends on the device.
    return tf.nn.experimental.stateless_dropout(
        x, rate, seed=seed, rng_alg="philox"
    )


def check_rate(rate: float) -> None:
    """Refuses what is no rate of dropout.

    Raises:
      ValueError: if it is not in [0, 1).
    """
    if not 0 <= rate < 1:
        raise ValueError(f"dropout should be in [0, 1), received {rate}")
