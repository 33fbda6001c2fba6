"""How a learning rate changes over a training."""

from __future__ import annotations

import math

import tensorflow as tf
from tensorflow import keras


class WarmupDecay(keras.optimizers.schedules.LearningRateSchedule):
    """A linear warm-up to the peak, then a decay to zero, or none.

    Args:
      peak: learning rate after the warm-up.
      total_steps: where the decay ends.
      warmup_steps: length of the warm-up; 0 starts at the peak.
      shape: `constant`, `linear` or `cosine`.
    """

    def __init__(
        self, peak: float, *, total_steps: int, warmup_steps: int, shape: str
    ) -> None:
        self.peak = peak
        self.total_steps = total_steps
        self.warmup_steps = warmup_steps
        self.shape = shape

    def __call__(self, step: tf.Tensor) -> tf.Tensor:
        step = tf.cast(step, tf.float32)
        warmup = tf.minimum((step + 1.0) / max(self.warmup_steps, 1), 1.0)
        remaining = max(self.total_steps - self.warmup_steps, 1)
        progress = tf.clip_by_value(
            (step - self.warmup_steps) / remaining, 0.0, 1.0
        )
        return self.peak * warmup * self._decay(progress)

    def at_peak(self, peak: float) -> WarmupDecay:
        """The same schedule with another peak."""
        return WarmupDecay(**{**self.get_config(), "peak": peak})

    def _decay(self, progress: tf.Tensor) -> tf.Tensor:
        if self.shape == "linear":
            return 1.0 - progress
        if self.shape == "cosine":
            return 0.5 * (1.0 + tf.cos(math.pi * progress))
        return tf.ones_like(progress)

    def get_config(self) -> dict:
        return {
            "peak": self.peak,
            "total_steps": self.total_steps,
            "warmup_steps": self.warmup_steps,
            "shape": self.shape,
        }
