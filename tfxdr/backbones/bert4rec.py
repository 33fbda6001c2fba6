"""BERT4Rec (Sun et al., CIKM 2019)."""

from __future__ import annotations

import tensorflow as tf
from tensorflow import keras

from tfxdr.backbones.base import Backbone, entered
from tfxdr.layers.attention import EPSILON, AttentionBlock
from tfxdr.layers.positions import LearnedPositions
from tfxdr.layers.tied_head import TiedHead, tied_embedding
from tfxdr.ops import parts
from tfxdr.registry import backbones
from tfxdr.types import PADDING, Draw

# Of the authors' eleven copies of a history one masks its last item alone.
LAST_ONLY_PROB = 1 / 11
INNER_FACTOR = 4  # width of the feed-forward network over that of a block


@backbones.register("bert4rec")
class BERT4Rec(Backbone):
    """Self-attention in both directions, trained on masked items.

    A mask token stands behind the history; its hidden vector predicts the
    next item. Blocks are pre-norm (see `AttentionBlock`) with a layer norm
    after the last, and the paper's projection before the softmax is left out,
    as in the replications that score best.
    """

    causal = False

    def __init__(
        self,
        num_items: int,
        channels: int = 64,
        num_blocks: int = 2,
        num_heads: int = 2,
        dropout: float = 0.2,
        mask_prob: float = 0.2,
        max_length: int = 200,
        *,
        name: str = "bert4rec",
        **kwargs,
    ) -> None:
        """Makes the layers.

        Args:
          num_items: size of the source table, reserved ids included; the
            mask token is one more row of the embedding.
          channels: embedding size and width of every block.
          num_blocks: transformer blocks.
          num_heads: of each attention; divides `channels`.
          dropout: rate, of the embedding and in the blocks.
          mask_prob: share of items masked in pre-training, beside the last.
          max_length: positions that are told apart, the mask token's
            included; older ones share one.
          name: layer name.

        Raises:
          ValueError: if an option is out of range.
        """
        if not 0 <= mask_prob < 1:
            raise ValueError(
                f"mask_prob should be in [0, 1), received {mask_prob}"
            )
        embedding = tied_embedding(num_items + 1, channels)
        positions = LearnedPositions(max_length, name="positions")
        norm = keras.layers.LayerNormalization(epsilon=EPSILON, name="norm")
        super().__init__(
            embedding,
            [
                AttentionBlock(
                    channels,
                    num_heads,
                    INNER_FACTOR * channels,
                    dropout,
                    causal=False,
                    activation="gelu",
                    name=f"block{index}",
                )
                for index in range(1, num_blocks + 1)
            ],
            input_layers=[positions],
            output_layers=[norm],
            name=name,
            **kwargs,
        )
        self.positions = positions
        self.num_items = num_items
        self.channels = channels
        self.num_blocks = num_blocks
        self.num_heads = num_heads
        self.dropout = dropout
        self.mask_prob = mask_prob
        self.max_length = max_length

    @property
    def mask_token(self) -> int:
        """The id that stands for a masked item; no data have it."""
        return self.num_items

    def embed(
        self, history: tf.Tensor, seed: tf.Tensor | None = None
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Items and places, the mask token behind them.

        Args:
          history: `[batch, length]` int32, left-padded with 0.
          seed: `[2]` int32 of dropout; none at inference.

        Returns:
          `E_0 [batch, length + 1, d]`, zero at padding, and the mask
          `[batch, length + 1]`, true at items and at the mask token.
        """
        ids = tf.pad(history, [[0, 0], [0, 1]], constant_values=self.mask_token)
        mask = ids != PADDING
        hidden = self.positions(self.embedding(ids))
        return entered(hidden, mask, self.dropout, seed), mask

    def next_item_head(self, num_items: int) -> keras.layers.Layer:
        """The item embedding again without the mask's row, and a bias."""
        return TiedHead(
            self.embedding, num_items, use_bias=True, name="next_item_head"
        )

    def pretraining(
        self, history: tf.Tensor, seed: tf.Tensor | None
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Masked items: the last of every row, and some of the others.

        The authors mask the last item as any other. Here it always is, since
        it always is at inference; so no row is without a masked item. As with
        the authors, a share of the rows mask no other.

        Args:
          history: `[batch, length]` int32, left-padded with 0.
          seed: `[2]` int32 of a training step; none in validation, where
            the last item alone is masked.

        Returns:
          Hidden vectors `[masked, d]` and the items there, `[masked]`.
        """
        inputs, last = history[:, :-1], history[:, -1:]
        masked = self._masked(inputs, seed)
        hidden, _ = self.encode(
            tf.where(masked, self.mask_token, inputs), seed=seed
        )
        labels = tf.concat([tf.where(masked, inputs, PADDING), last], axis=1)
        chosen = labels != PADDING
        return tf.boolean_mask(hidden, chosen), tf.boolean_mask(labels, chosen)

    def _masked(self, inputs: tf.Tensor, seed: tf.Tensor | None) -> tf.Tensor:
        """Which items but the last are masked, `[batch, length]` bool."""
        if seed is None:
            return tf.zeros_like(inputs, tf.bool)
        fold = tf.random.experimental.stateless_fold_in
        items, rows = tf.unstack(tf.random.split(fold(seed, Draw.MASKING), 2))
        shape = tf.shape(inputs)
        masked = parts.uniform(shape, items) < self.mask_prob
        last_only = parts.uniform([shape[0], 1], rows) < LAST_ONLY_PROB
        return masked & ~last_only & (inputs != PADDING)

    def get_config(self) -> dict:
        return {
            **super().get_config(),
            "num_items": self.num_items,
            "channels": self.channels,
            "num_blocks": self.num_blocks,
            "num_heads": self.num_heads,
            "dropout": self.dropout,
            "mask_prob": self.mask_prob,
            "max_length": self.max_length,
        }
