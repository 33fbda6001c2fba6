"""From a history to one decision for each block."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import tensorflow as tf
from tensorflow import keras

from tfxdr.backbones import Backbone
from tfxdr.layers.pooling import pool
from tfxdr.layers.standardization import Standardization
from tfxdr.ops import tables


class PolicyNetwork(keras.layers.Layer):
    """A small encoder, pooled, and one linear layer (UAF section 3.3).

    The paper projects the final hidden vector `h_p` (Eq. 14), the authors' code
    a mean over all positions. A mean is nearly the same for all users while
    the encoder is new, and so would be their actions; here it leaves padding
    out, on whose amount theirs depends.

    Vectors of new encoders are nearly one common vector, with a small part that
    differs by user: one gradient moves all users together, so that all blocks
    are tuned for everybody before anybody can differ. To standardize them takes
    the common part away; neither the paper nor the authors' code does.

    What is right for all users alike is then left to the bias of the linear
    layer, which is slow, while the weights find differences in noise. So the
    bias starts nearer to what Finetune-All does, as the gates of ConvNet-AIG
    start open (Veit and Belongie 2018), and the weights pay for their size.

    An item embedding that is trained lets the network remember training users
    one by one: it fits what a backbone has not learned yet, and new users are
    decided on by chance. One that stays a copy of the pre-trained embedding
    cannot.

    Args:
      encoder: reads the history; it has an item embedding of its own.
      num_blocks: how many decisions.
      pooling: `last`, or `mean` over the positions that hold an item.
      standardize: take what users share out of the pooled vectors.
      start: the chance that a block is tuned, before anything is learned.
      decay: the weight of the sum of the linear layer's squared weights,
        biases left out, in `losses`.
      train_embeddings: whether the encoder's item embedding is trained.
      name: layer name.
    """

    def __init__(
        self,
        encoder: Backbone,
        num_blocks: int,
        *,
        pooling: str = "last",
        standardize: bool = False,
        start: float = 0.5,
        decay: float = 0.0,
        train_embeddings: bool = True,
        name: str = "policy_network",
        **kwargs,
    ) -> None:
        super().__init__(name=name, **kwargs)
        encoder.embedding.trainable = train_embeddings
        self.encoder = encoder
        self.num_blocks = num_blocks
        self.pooling = pooling
        self.standardization = Standardization() if standardize else None
        self.projection = keras.layers.Dense(
            2 * num_blocks,
            kernel_initializer=keras.initializers.TruncatedNormal(stddev=0.02),
            bias_initializer=_starting_at(start),
            kernel_regularizer=keras.regularizers.L2(decay) if decay else None,
            name="projection",
        )

    def call(
        self, history: tf.Tensor, seed: tf.Tensor | None = None
    ) -> tf.Tensor:
        """Logits of the decisions.

        Args:
          history: `[batch, length]` int32, left-padded with 0.
          seed: `[2]` int32 of dropout; none at inference, whose moments are
            the running ones.

        Returns:
          `[batch, blocks, 2]`; index 0 is to tune, 1 to freeze.
        """
        hidden, mask = self.encoder.encode(
            history, seed=seed, last_alone=self.pooling == "last"
        )
        vector = pool(hidden, mask, self.pooling)
        if self.standardization is not None:
            vector = self.standardization(vector, training=seed is not None)
        logits = self.projection(vector)
        return tf.reshape(logits, [-1, self.num_blocks, 2])

    def start_from(self, embedding: keras.layers.Embedding) -> None:
        """Copies the vectors of a pre-trained item embedding."""
        tables.copy(embedding.embeddings, self.encoder.embedding.embeddings)


def _starting_at(share: float) -> Callable[..., tf.Tensor]:
    """Initializes pairs of logits by the chance of the first of each."""
    margin = math.log(share / (1.0 - share))

    def initial(shape: Sequence[int], dtype: tf.DType | None = None, **_):
        return tf.tile(
            tf.constant([margin / 2, -margin / 2], dtype), [shape[0] // 2]
        )

    return initial
