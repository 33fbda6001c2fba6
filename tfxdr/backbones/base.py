"""What every sequential backbone is."""

from __future__ import annotations

from collections.abc import Sequence

import tensorflow as tf
from tensorflow import keras

from tfxdr.layers.domain_embedding import (
    EMBEDDING_SCALE,
    domain_embeddings,
    id_embedding,
)
from tfxdr.layers.target_head import TargetHead
from tfxdr.ops.dropout import check_rate, dropout
from tfxdr.ops.positions import LAST, Positions, read_by_block
from tfxdr.registry import Entry
from tfxdr.types import Draw, Items, JointSizes


class Backbone(keras.layers.Layer):
    """An item embedding, a list of residual mappings and a read-out.

    `E_l = F_l(E_{l-1}) + E_{l-1}` (UAF Eq. 1). A subclass passes its parts to
    this constructor and overrides the methods below where it differs.

    A block is a Keras layer made of other layers, with

    - `call(hidden, mask=None, seed=None, adapters=())`, where `hidden` is
      `[batch, length, d]`, `mask [batch, length]` is true at items, `seed [2]`
      is that of dropout and none at inference, and `adapters`, if any, are
      `num_adapters` functions of a sub-layer's input and output;
    - `num_adapters`, how many it has room for;
    - `reads(outputs)`, if not all positions have to be there: from those
      whose outputs are wanted to those of its input that they depend on, both
      `Positions`; its `call` then takes `outputs`, given where its input holds
      no others than it reads;
    - `draws`, false if no seed changes what it computes, so that a step may
      leave rows out that take another block's place;
    - `get_config`, so that fine-tuning can make a twin of it.

    Attributes:
      causal: whether a position's vector depends on no later item.

    Args:
      embedding: maps item ids to vectors; 0 is padding.
      blocks: the mappings `F_l`.
      input_layers: other layers that `embed` uses; tuned with the embedding.
      output_layers: layers that `read_out` uses; tuned with the top block.
      name: layer name.

    Raises:
      ValueError: if there is no block.
    """

    causal: bool = True

    def __init__(
        self,
        embedding: keras.layers.Embedding,
        blocks: Sequence[keras.layers.Layer],
        *,
        input_layers: Sequence[keras.layers.Layer] = (),
        output_layers: Sequence[keras.layers.Layer] = (),
        name: str | None = None,
        **kwargs,
    ) -> None:
        super().__init__(name=name, **kwargs)
        if not blocks:
            raise ValueError("expected at least one block, received none")
        self.embedding = embedding
        self.blocks = list(blocks)
        self.input_layers = [embedding, *input_layers]
        self.output_layers = list(output_layers)

    @property
    def width(self) -> int:
        """Size of a hidden vector."""
        return self.embedding.output_dim

    def embed(
        self, history: tf.Tensor, seed: tf.Tensor | None = None
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Looks items up.

        Args:
          history: `[batch, length]` int32, left-padded with 0.
          seed: `[2]` int32 of dropout; none at inference.

        Returns:
          `E_0 [batch, positions, d]`, zero at padding, and the mask
          `[batch, positions]`, true at items.
        """
        del seed
        mask = history != 0
        hidden = self.embedding(history)
        return hidden * tf.cast(mask, hidden.dtype)[..., tf.newaxis], mask

    def read_out(self, hidden: tf.Tensor, mask: tf.Tensor) -> tf.Tensor:
        """What follows the last block: the output layers, one by one."""
        del mask
        for layer in self.output_layers:
            hidden = layer(hidden)
        return hidden

    def encode(
        self,
        history: tf.Tensor,
        actions: tf.Tensor | None = None,
        seed: tf.Tensor | None = None,
        *,
        last_alone: bool = False,
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Hidden vectors of every position.

        Args:
          history: `[batch, length]` int32, left-padded with 0.
          actions: `[batch, blocks]` in [0, 1], for routed blocks.
          seed: `[2]` int32 of dropout; none at inference.
          last_alone: only the last position will be read: each block leaves
            out what no later one reads, and the result may be the last one
            alone.

        Returns:
          `[batch, positions, d]` and the mask `[batch, positions]`.
        """
        hidden, mask = self.run_blocks(
            *self.embed(history, seed),
            actions=actions,
            seed=seed,
            last_alone=last_alone,
        )
        return self.read_out(hidden, mask), mask

    def run_blocks(
        self,
        hidden: tf.Tensor,
        mask: tf.Tensor,
        *,
        first: int = 0,
        end: int | None = None,
        actions: tf.Tensor | None = None,
        seed: tf.Tensor | None = None,
        last_alone: bool = False,
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """Some of the blocks, or all, one after the other.

        Args:
          hidden: `[batch, positions, d]`, what `embed` gives, or, where `first`
            is not 0, what came out of the blocks before.
          mask: `[batch, positions]` bool, true at items.
          first: the index of the first block.
          end: that behind the last one, which will read what comes out; none:
            all that follow.
          actions: as in `encode`, of all blocks.
          seed: as in `encode`.
          last_alone: as in `encode`.

        Returns:
          What comes out, and its mask.
        """
        reads = self._reads_of_last() if last_alone else {}
        here = None if first else reads.get(0)
        if here is not None:
            hidden, mask = here.of(hidden), here.of(mask)
        for index in range(first, len(self.blocks) if end is None else end):
            options = {"mask": mask, "seed": block_seed(seed, index)}
            if actions is not None:
                options["action"] = actions[:, index]
            given, wanted = reads.get(index), reads.get(index + 1)
            if given is not None:
                options["outputs"] = wanted
            change = self.blocks[index](hidden, **options)
            if wanted is not None:
                hidden, mask = (wanted.of(x, given) for x in (hidden, mask))
                change = change if given else wanted.of(change)
            hidden += change
        return hidden, mask

    @property
    def reach(self) -> int | None:
        """How many of the latest items the last position reads; none: all."""
        reads = self._reads_of_last().get(0)
        return None if reads is None else reads.span

    def _reads_of_last(self) -> dict[int, Positions]:
        """Which positions of its input the last one depends on, by block.

        The index behind the last block stands for its output. A block that
        reads all positions is not in it, and neither are those below.
        """
        found = {len(self.blocks): LAST}
        for index in reversed(range(len(self.blocks))):
            reads = read_by_block(self.blocks[index], found[index + 1])
            if reads is None:
                break
            found[index] = reads
        return found

    def call(self, history: tf.Tensor) -> tf.Tensor:
        """`encode` at inference, without the mask."""
        return self.encode(history)[0]

    def next_item_head(self, num_items: int) -> keras.layers.Layer:
        """Pre-training's softmax; one of its own by default."""
        return TargetHead(num_items, name="next_item_head")

    def pretraining(
        self, history: tf.Tensor, seed: tf.Tensor | None
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """What pre-training learns from: by default the next item everywhere.

        Args:
          history: `[batch, length]` int32, left-padded with 0.
          seed: `[2]` int32 of a training step; none in validation.

        Returns:
          Hidden vectors `[positions, d]` and the items that they should
          predict, `[positions]`.
        """
        inputs = tf.pad(history[:, :-1], [[0, 0], [1, 0]])  # never empty
        hidden, mask = self.encode(inputs, seed=seed)
        return tf.boolean_mask(hidden, mask), tf.boolean_mask(history, mask)


class JointBackbone(keras.layers.Layer):
    """What both domains share in a joint model, below the heads.

    A subclass makes the users' vectors and its layers, and overrides `call`.
    It may also override the features: tables that it does not call get no
    variables.

    Attributes:
      sizes: of the tables.
      embedding_size: of an item's and of a category's vector.
      embedding_scale: standard deviation of first vectors.
      dropout_rate: in training; above 0, `call` takes a `seed`.
      uses_source: whether the source domain takes part in training.
      source_embedding: what the source features are; none without the source.
      target_embedding: what the target features are.

    Args:
      sizes: of the tables; the program gives them. As a plain sequence they
        are taken, too.
      embedding_size: of an item's and of a category's vector.
      uses_source: whether the source domain takes part; not in the config of
        this class, for a subclass has its own option for it, or none.
      embedding_scale: standard deviation of first vectors; BIP's authors have
        1, PyTorch's default.
      dropout: rate in training; a subclass that has the option calls
        `dropped` where it applies.
      name: layer name.

    Raises:
      ValueError: if a size is out of range.
    """

    def __init__(
        self,
        sizes: JointSizes | Sequence[int],
        embedding_size: int,
        *,
        uses_source: bool = True,
        embedding_scale: float = EMBEDDING_SCALE,
        dropout: float = 0.0,
        name: str | None = None,
        **kwargs,
    ) -> None:
        super().__init__(name=name, **kwargs)
        check_rate(dropout)
        self.sizes = JointSizes(*sizes)
        self.embedding_size = embedding_size
        self.embedding_scale = embedding_scale
        self.dropout_rate = dropout
        self.uses_source = uses_source
        source, self.target_embedding = domain_embeddings(
            self.sizes.source_items,
            self.sizes.target_items,
            self.sizes.source_categories,
            self.sizes.target_categories,
            embedding_size,
            embedding_scale,
        )
        self.source_embedding = source if uses_source else None

    def user_table(
        self, name: str, size: int | None = None
    ) -> keras.layers.Embedding:
        """A table of users' vectors, as wide as items' unless said."""
        return id_embedding(
            self.sizes.users,
            size or self.embedding_size,
            name,
            self.embedding_scale,
        )

    def call(
        self, user: tf.Tensor, source: Items, target: Items
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """What the heads of the two domains read.

        A subclass with `dropout` also takes `seed=None`, `[2]` int32 of a
        training step; none at inference.

        Args:
          user: `[batch]` int32.
          source: `[batch]`.
          target: `[batch]`.

        Returns:
          The source vector `[batch, d]` and the target vector `[batch, d]`.
        """
        raise NotImplementedError

    def source_features(self, items: Items) -> tf.Tensor:
        """Embeddings of item and category, joined: `[..., features]`.

        Raises:
          ValueError: if the source domain takes no part.
        """
        if self.source_embedding is None:
            raise ValueError(
                f"{self.name} uses no source domain, so it has no vectors of "
                "source items"
            )
        return self.source_embedding(items)

    def target_features(self, items: Items) -> tf.Tensor:
        """Embeddings of item and category, joined: `[..., features]`."""
        return self.target_embedding(items)

    def dropped(
        self, x: tf.Tensor, seed: tf.Tensor | None, place: int
    ) -> tf.Tensor:
        """With dropout in training.

        Args:
          x: any shape.
          seed: of `call`.
          place: tells draws of one call apart.
        """
        return dropout(x, self.dropout_rate, block_seed(seed, place))

    def penalty(self) -> tf.Tensor:
        """What is added to the loss of both domains, a scalar."""
        return tf.zeros([])

    def get_config(self) -> dict:
        return {
            **super().get_config(),
            "sizes": tuple(self.sizes),
            "embedding_size": self.embedding_size,
            "embedding_scale": self.embedding_scale,
            "dropout": self.dropout_rate,
        }


def is_joint(entry: Entry) -> bool:
    """Whether a registered backbone is that of a joint model.

    Its class says so; of a function, the class that it is annotated to return.
    """
    return issubclass(entry.product, JointBackbone)


def check_hidden(hidden: Sequence[int], least: int = 1) -> None:
    """Refuses widths of hidden layers that no network can have.

    Raises:
      ValueError: if there are fewer than `least`, or one is below 1.
    """
    if len(hidden) < least or min(hidden) < 1:
        raise ValueError(
            f"hidden should list {least} or more widths >= 1, received "
            f"{list(hidden)}"
        )


def entered(
    hidden: tf.Tensor, mask: tf.Tensor, rate: float, seed: tf.Tensor | None
) -> tf.Tensor:
    """`E_0`: what was looked up, with its dropout, and zero at padding.

    Args:
      hidden: `[batch, positions, d]`.
      mask: `[batch, positions]` bool, true at items.
      rate: of dropout.
      seed: `[2]` int32; none at inference.
    """
    hidden = dropout(hidden, rate, block_seed(seed, -1))
    return hidden * tf.cast(mask, hidden.dtype)[..., tf.newaxis]


def block_seed(seed: tf.Tensor | None, index: int) -> tf.Tensor | None:
    """The seed of a block's dropout; the embedding's has index -1."""
    if seed is None:
        return None
    fold = tf.random.experimental.stateless_fold_in
    return fold(fold(seed, Draw.DROPOUT), index + 1)
