"""The models again in plain `tf.keras`, written the obvious way.

From the equations of NextItNet and UAF, by layers that Keras has: every
position of every block, whole logits, two full towers, dense Adam. This is what
tfxdr's steps are timed against.
"""

from __future__ import annotations

from collections.abc import Callable

import tensorflow as tf
from tensorflow import keras


class Block(keras.layers.Layer):
    """`F(E)` of UAF Eq. 2."""

    def __init__(self, channels: int, kernel_size: int, dilation: int) -> None:
        super().__init__()
        self.mapping = keras.Sequential()
        for rate in (dilation, 2 * dilation):
            self.mapping.add(
                keras.layers.Conv1D(
                    channels,
                    kernel_size,
                    padding="causal",
                    dilation_rate=rate,
                )
            )
            self.mapping.add(keras.layers.LayerNormalization(epsilon=1e-8))
            self.mapping.add(keras.layers.ReLU())

    def call(self, hidden: tf.Tensor) -> tf.Tensor:
        return self.mapping(hidden)


class Tower(keras.Model):
    """An embedding and residual blocks: `[batch, length]` to hidden vectors.

    Args:
      tuned: how many blocks are trained, from the top; the embedding is if
        all of them are.
    """

    def __init__(
        self,
        num_items: int,
        channels: int,
        dilations: tuple[int, ...],
        tuned: int,
        kernel_size: int = 3,
    ) -> None:
        super().__init__()
        self.embedding = keras.layers.Embedding(num_items, channels)
        self.blocks = [
            Block(channels, kernel_size, dilation)
            for dilation in dilations[::2]
        ]
        self.embedding.trainable = tuned == len(self.blocks)
        for block in self.blocks[: len(self.blocks) - tuned]:
            block.trainable = False

    def call(self, history: tf.Tensor) -> tf.Tensor:
        hidden = self.embedding(history)
        for block in self.blocks:
            hidden = hidden + block(hidden)
        return hidden


class NextItem(keras.Model):
    """A tower and a softmax over the items at every position."""

    def __init__(self, tower: Tower, num_items: int) -> None:
        super().__init__()
        self.tower = tower
        self.head = keras.layers.Dense(num_items)

    def call(self, history: tf.Tensor) -> tf.Tensor:
        return self.head(self.tower(history))


class LastItem(NextItem):
    """The same at the last position: fine-tuning."""

    def call(self, history: tf.Tensor) -> tf.Tensor:
        return self.head(self.tower(history)[:, -1])


class TwoTowers(keras.Model):
    """A frozen and a tuned tower, mixed block by block (UAF Eq. 6).

    Args:
      frozen: a tower of which nothing is trained.
      tuned: its twin.
      policy: a small tower that decides.
      num_items: of the head.
      kind: `gumbel`, `soft`, or `hard`: without noise, as at inference.
    """

    def __init__(
        self,
        frozen: Tower,
        tuned: Tower,
        policy: Tower,
        num_items: int,
        kind: str,
    ) -> None:
        super().__init__()
        self.frozen, self.tuned, self.policy = frozen, tuned, policy
        self.decision = keras.layers.Dense(2 * len(tuned.blocks))
        self.head = keras.layers.Dense(num_items)
        self.kind = kind

    def call(self, history: tf.Tensor) -> tf.Tensor:
        actions = self._actions(history)  # [batch, blocks]
        hidden = self.tuned.embedding(history)
        for index, (frozen, tuned) in enumerate(
            zip(self.frozen.blocks, self.tuned.blocks, strict=True)
        ):
            action = actions[:, index, tf.newaxis, tf.newaxis]
            mixed = action * tuned(hidden) + (1 - action) * frozen(hidden)
            hidden = hidden + mixed
        return self.head(hidden[:, -1])

    def _actions(self, history: tf.Tensor) -> tf.Tensor:
        logits = self.decision(self.policy(history)[:, -1])
        logits = tf.reshape(logits, [-1, len(self.tuned.blocks), 2])
        if self.kind == "soft":
            return tf.nn.softmax(logits)[..., 0]
        if self.kind == "hard":
            return tf.cast(logits[..., 0] >= logits[..., 1], tf.float32)
        uniform = tf.random.stateless_uniform(
            tf.shape(logits), [1, 2], minval=1e-6
        )
        noisy = tf.nn.log_softmax(logits) - tf.math.log(-tf.math.log(uniform))
        soft = tf.nn.softmax(noisy)
        hard = tf.one_hot(tf.argmax(noisy, -1), 2)
        return (soft + tf.stop_gradient(hard - soft))[..., 0]


def training_step(
    model: keras.Model, history: tf.Tensor, labels: tf.Tensor
) -> Callable[[], tf.Tensor]:
    """A step of cross-entropy by dense Adam; gives the loss."""
    optimizer = keras.optimizers.Adam(1e-3)
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    model(history[:1])
    optimizer.build(model.trainable_variables)

    @tf.function
    def step() -> tf.Tensor:
        with tf.GradientTape() as tape:
            value = loss(labels, model(history, training=True))
        variables = model.trainable_variables
        gradients = tape.gradient(value, variables)
        optimizer.apply_gradients(zip(gradients, variables, strict=True))
        return value

    return step
