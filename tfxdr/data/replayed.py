"""Batches that can be replayed: each a pure function of (seed, epoch, step)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import tensorflow as tf

_PARALLEL_BATCHES = 2  # assembled at a time, beside the step that trains


def batches(
    assemble: Callable[[tf.Tensor], Any], first_step: int, steps: int
) -> tf.data.Dataset:
    """What `assemble` makes of each step, in order.

    Args:
      assemble: maps a step, `[]` int64, to its batch.
      first_step: from 0.
      steps: in an epoch.
    """
    dataset = tf.data.Dataset.range(first_step, steps)
    return dataset.map(
        assemble, num_parallel_calls=_PARALLEL_BATCHES, deterministic=True
    ).prefetch(_PARALLEL_BATCHES)


def generator(*words: int) -> np.random.Generator:
    """Random numbers that depend on these alone: the seed, then what for."""
    return np.random.Generator(np.random.Philox(np.random.SeedSequence(words)))


def step_seed(seed: int, step: tf.Tensor) -> tf.Tensor:
    """`[2]` int32, the seed of a step's stateless random draws."""
    return tf.stack([tf.constant(seed, tf.int32), tf.cast(step, tf.int32)])
