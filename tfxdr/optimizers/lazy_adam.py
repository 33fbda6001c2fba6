"""Adam that touches only the rows of a table that a batch has read."""

from __future__ import annotations

from typing import Any

import tensorflow as tf
from tensorflow import keras

from tfxdr.errors import InputError
from tfxdr.registry import optimizers


class LazyAdam(keras.optimizers.Adam):
    """Adam whose work on an embedding table grows with the batch alone.

    A table's gradient names the rows that the batch has read. Adam decays the
    moments of every row, and moves every row by them, at every step. Here only
    the named rows' moments decay and only these rows move:

        m_r <- b1 m_r + (1 - b1) g_r
        v_r <- b2 v_r + (1 - b2) g_r^2
        w_r <- w_r - rate sqrt(1 - b2^t) / (1 - b1^t) m_r / (sqrt(v_r) + eps)

    where `t` counts all steps, not those of the row. These are the equations
    of tensorflow-addons' `LazyAdam`; `eps` is "epsilon hat" of Kingma and Ba
    (2015), section 2, as in Keras's Adam. A row that every batch reads moves
    as with Adam, and so does a variable with a dense gradient. Gradients of
    one row that occurs several times are summed.

    There is no weight decay: it would move the rows that were not read.

    Args:
      learning_rate: a number, a schedule or a function without arguments.
      beta_1: decay of the mean gradient, in [0, 1).
      beta_2: decay of the mean square, in [0, 1).
      epsilon: what is added to the root of the mean square; above 0.
      name: of the optimizer.

    Raises:
      ValueError: an argument is out of range.
    """

    def __init__(
        self,
        learning_rate: Any = 0.001,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-7,
        *,
        name: str = "LazyAdam",
    ) -> None:
        for option, beta in (("beta_1", beta_1), ("beta_2", beta_2)):
            if not 0.0 <= beta < 1.0:
                raise ValueError(
                    f"{option} should be in [0, 1). Received: {beta}"
                )
        if not epsilon > 0.0:
            raise ValueError(f"epsilon should be above 0. Received: {epsilon}")
        super().__init__(
            learning_rate, beta_1, beta_2, epsilon, jit_compile=False, name=name
        )

    def update_step(
        self, gradient: tf.Tensor | tf.IndexedSlices, variable: tf.Variable
    ) -> None:
        """Moves one variable; Keras has summed the slices of equal rows."""
        if not isinstance(gradient, tf.IndexedSlices):
            super().update_step(gradient, variable)
            return
        place = self._index_dict[self._var_key(variable)]
        mean, square = self._momentums[place], self._velocities[place]
        rows, slope = gradient.indices, gradient.values
        new_mean = _mix(tf.gather(mean, rows), slope, self.beta_1)
        new_square = _mix(
            tf.gather(square, rows), tf.square(slope), self.beta_2
        )
        step = self._corrected_rate(variable.dtype) * new_mean
        step /= tf.sqrt(new_square) + self.epsilon
        mean.scatter_update(tf.IndexedSlices(new_mean, rows))
        square.scatter_update(tf.IndexedSlices(new_square, rows))
        variable.scatter_sub(tf.IndexedSlices(step, rows))

    def _corrected_rate(self, dtype: tf.DType) -> tf.Tensor:
        """The learning rate with the correction for moments that began at 0."""
        steps = tf.cast(self.iterations + 1, dtype)
        correction_1 = 1.0 - tf.pow(tf.cast(self.beta_1, dtype), steps)
        correction_2 = 1.0 - tf.pow(tf.cast(self.beta_2, dtype), steps)
        rate = tf.cast(self.learning_rate, dtype)
        return rate * tf.sqrt(correction_2) / correction_1

    def get_config(self) -> dict[str, Any]:
        """The constructor's arguments."""
        config = super().get_config()
        known = ("name", "learning_rate", "beta_1", "beta_2", "epsilon")
        return {key: config[key] for key in known}


def _mix(old: tf.Tensor, new: tf.Tensor, decay: float) -> tf.Tensor:
    return decay * old + (1.0 - decay) * new


@optimizers.register("lazyadam")
def lazyadam(
    learning_rate: object,
    weight_decay: float | None,
    beta_1: float = 0.9,
    beta_2: float = 0.999,
    epsilon: float = 1e-7,
) -> keras.optimizers.Optimizer:
    """Adam that moves only the embeddings a batch has read."""
    if weight_decay:
        raise InputError(
            "--optimizer=lazyadam moves only the rows that a batch has read, "
            f"so weights cannot decay, found --weight_decay={weight_decay}: "
            "set it to 0, or choose --optimizer=adam"
        )
    return LazyAdam(learning_rate, beta_1, beta_2, epsilon)
