"""The model that joint training fits: two domains over one backbone."""

from __future__ import annotations

import numpy as np
import tensorflow as tf
from tensorflow import keras

from tfxdr.backbones.base import JointBackbone
from tfxdr.layers.pair_bias import PairBias
from tfxdr.layers.ranking_head import RankingHead
from tfxdr.ops import parts
from tfxdr.types import Draw, Items, JointBatch

# Pairs of user and item that are scored at once: some 50 MB of activations
# in towers 64 wide, whatever the catalogue's size.
_PAIRS = 1 << 16
_BESIDE_BIASES = 0.1  # of a head's first weights, above given biases


class JointModel(keras.Model):
    """A joint backbone with a head for each domain.

    A head is linear, to one logit. The replacement head is a second one for
    the target domain: the lower level never touches it, so that the upper
    level does not judge the backbone by the head that is trained with it (the
    code of BIP's authors). All variables exist after construction.

    What users like of what they have met, and what they meet at all, are two
    questions: where ratings answer the first, a ranking head on the target's
    vector may answer the second, trained on what they like against sampled
    items and what they do not like.

    How much a user likes things, and how much an item is liked, explain most
    of what ratings say. Where both are given, heads of the target domain add
    to them what users and items have to do with each other, as boosting adds
    to what it starts from (Friedman 2001), and are no worse to begin with.

    Attributes:
      backbone: below the heads.
      source_head: of the source domain.
      target_head: of the target domain.
      replacement_head: of the target domain in the upper level.
      ranking_head: of the target domain, orders its catalogue; none: the
        target head does.
      biases: of the target domain's pairs, which its heads add to; none: they
        learn all.

    Args:
      backbone: what both domains share.
      counts: `[items]` positives of training, of each target row, from which
        a ranking head starts; batches then have negatives. None: there is no
        such head.
      biases: see above.
      name: model name.
    """

    def __init__(
        self,
        backbone: JointBackbone,
        *,
        counts: np.ndarray | None = None,
        biases: PairBias | None = None,
        name: str = "joint",
        **kwargs,
    ) -> None:
        super().__init__(name=name, **kwargs)
        self.backbone = backbone
        self.source_head, self.target_head, self.replacement_head = (
            _head(domain) for domain in ("source", "target", "replacement")
        )
        self.ranking_head = None if counts is None else RankingHead(counts)
        self.biases = biases
        none = tf.zeros([1], tf.int32)
        source, target = backbone(none, Items(none, none), Items(none, none))
        self.source_head(source)
        self.target_head(target)
        self.replacement_head(target)
        if self.ranking_head is not None:
            self.ranking_head(target, none)
        if biases is not None:
            for head in (self.target_head, self.replacement_head):
                head.kernel.assign(_BESIDE_BIASES * head.kernel)

    @property
    def shared_variables(self) -> list[tf.Variable]:
        """Those of the backbone that are trained: the inner parameters."""
        return self.backbone.trainable_variables

    @property
    def replacement_variables(self) -> list[tf.Variable]:
        """Those of the replacement head."""
        return self.replacement_head.trainable_variables

    @property
    def variables_to_train(self) -> list[tf.Variable]:
        """What a training step moves: all but the replacement head.

        Without the source domain its head stays out, too.
        """
        variables = self.shared_variables + self.target_head.trainable_variables
        if self.ranking_head is not None:
            variables += self.ranking_head.trainable_variables
        if self.backbone.uses_source:
            variables += self.source_head.trainable_variables
        return variables

    def call(self, batch: JointBatch) -> tuple[tf.Tensor, tf.Tensor]:
        """Probabilities of source and target examples, both `[batch]`."""
        source, target = self.logits(batch)
        return tf.sigmoid(source), tf.sigmoid(target)

    def logits(self, batch: JointBatch) -> tuple[tf.Tensor, tf.Tensor]:
        """Logits of source and target examples, both `[batch]`.

        The source's mean nothing if the backbone does not use that domain.
        """
        source, target = self.backbone(batch.user, batch.source, batch.target)
        return _logit(self.source_head, source), self._of_target(
            self.target_head, target, batch.user, batch.target.item
        )

    def example_losses(self, batch: JointBatch) -> tuple[tf.Tensor, tf.Tensor]:
        """Cross-entropies of a training step, both `[batch]`.

        The source's are 0 where there is no source example, and all of them
        if the backbone does not use that domain. That of a ranking is part
        of the target's.
        """
        source_vector, vector = self._trained_vectors(
            batch.user, batch.source, batch.target, batch.seed
        )
        target = self._of_target(
            self.target_head, vector, batch.user, batch.target.item
        )
        target_loss = _cross_entropy(target, batch.target_label)
        if self.ranking_head is not None:
            target_loss += self._ranking_losses(
                self.ranking_head, batch, vector
            )
        if not self.backbone.uses_source:
            return tf.zeros_like(target_loss), target_loss
        source = _logit(self.source_head, source_vector)
        present = tf.cast(batch.has_source, source.dtype)
        return (
            _cross_entropy(source, batch.source_label) * present,
            target_loss,
        )

    def _trained_vectors(
        self, user: tf.Tensor, source: Items, target: Items, seed: tf.Tensor
    ) -> tuple[tf.Tensor, tf.Tensor]:
        """What the heads read in training: with the backbone's dropout."""
        if not self.backbone.dropout_rate:  # then it need not take a seed
            return self.backbone(user, source, target)
        return self.backbone(user, source, target, seed=seed)

    def _ranking_losses(
        self, head: RankingHead, batch: JointBatch, vector: tf.Tensor
    ) -> tf.Tensor:
        """The mean cross-entropy of a row's example and its sampled items.

        Args:
          head: orders items.
          batch: of training rows, with negatives.
          vector: `[batch, d]`, of the target examples.

        Returns:
          `[batch]`.
        """
        sampled = Items(*batch.negatives)
        shape = tf.shape(sampled.item)  # [batch, number]
        user, *source = (
            tf.repeat(ids, shape[1]) for ids in (batch.user, *batch.source)
        )
        others = Items(*(tf.reshape(ids, [-1]) for ids in sampled))
        fold = tf.random.experimental.stateless_fold_in
        seed = fold(batch.seed, Draw.NEGATIVES)
        _, vectors = self._trained_vectors(user, Items(*source), others, seed)
        own = head(vector, batch.target.item)[:, tf.newaxis]
        logits = tf.reshape(head(vectors, others.item), shape)
        label = batch.target_label[:, tf.newaxis]
        losses = [_cross_entropy(own, label)]
        losses.append(_cross_entropy(logits, tf.zeros_like(logits)))
        return tf.reduce_mean(tf.concat(losses, axis=1), axis=1)

    def lower_loss(self, batch: JointBatch, weights: tf.Tensor) -> tf.Tensor:
        """`mean(target) + sum(weights * source) + penalty`, a scalar.

        The source's part is left out if the backbone does not use it. Of a
        part of a batch it is what the part adds to that.

        Args:
          batch: of training rows.
          weights: `[batch]`, of the source examples.
        """
        source, target = self.example_losses(batch)
        loss = tf.reduce_mean(target)
        if self.backbone.uses_source:
            loss += tf.reduce_sum(tf.cast(weights, source.dtype) * source)
        loss += tf.cast(self.backbone.penalty(), loss.dtype)
        return parts.weighed(loss, tf.shape(batch.user)[0])

    def target_vector(self, batch: JointBatch) -> tf.Tensor:
        """What a target head reads, `[batch, d]`."""
        return self.backbone(batch.user, batch.source, batch.target)[1]

    def replacement_loss(
        self, vector: tf.Tensor, batch: JointBatch
    ) -> tf.Tensor:
        """Mean cross-entropy through the replacement head, a scalar.

        Args:
          vector: `[batch, d]`, `target_vector` of the batch.
          batch: whose target examples are judged.
        """
        logit = self._of_target(
            self.replacement_head, vector, batch.user, batch.target.item
        )
        return tf.reduce_mean(_cross_entropy(logit, batch.target_label))

    def target_logit(
        self, user: tf.Tensor, source: Items, target: Items
    ) -> tf.Tensor:
        """Logits of target examples beside source examples, all `[batch]`."""
        _, vector = self.backbone(user, source, target)
        return self._of_target(self.target_head, vector, user, target.item)

    def _of_target(
        self,
        head: keras.layers.Layer,
        vector: tf.Tensor,
        user: tf.Tensor,
        item: tf.Tensor,
    ) -> tf.Tensor:
        """Logits of a head of the target domain, `[batch]`."""
        logit = _logit(head, vector)
        return logit if self.biases is None else logit + self.biases(user, item)

    def score_items(
        self, user: tf.Tensor, source: Items, items: Items
    ) -> tf.Tensor:
        """What orders target items: `[batch, n]`.

        These are logits of the ranking head or, without one, of the target
        head. Every pair goes through both towers. Pairs are taken in chunks,
        so that memory is bounded but for the result.

        Args:
          user: `[batch]` int32.
          source: `[batch]`, the source example that goes with each user.
          items: `[n]` target items.
        """
        rows, columns = (
            tf.shape(ids, out_type=tf.int64)[0] for ids in (user, items.item)
        )
        pairs = rows * columns
        chunks = tf.maximum(-(-pairs // _PAIRS), 1)
        size = -(-pairs // chunks)  # equal chunks, but for the last one's end

        def score(chunk: tf.Tensor) -> tf.Tensor:
            pair = tf.minimum(chunk * size + tf.range(size), pairs - 1)
            row, column = pair // columns, pair % columns
            asking = tf.gather(user, row)
            beside = Items(*(tf.gather(ids, row) for ids in source))
            chosen = Items(*(tf.gather(ids, column) for ids in items))
            if self.ranking_head is None:
                return self.target_logit(asking, beside, chosen)
            _, vector = self.backbone(asking, beside, chosen)
            return self.ranking_head(vector, chosen.item)

        scores = tf.map_fn(
            score,
            tf.range(chunks),
            fn_output_signature=self.target_head.dtype,
            parallel_iterations=1,
        )
        return tf.reshape(tf.reshape(scores, [-1])[:pairs], [rows, columns])


def _head(name: str) -> keras.layers.Layer:
    # Logits stay in full precision under a mixed one.
    return keras.layers.Dense(
        1, dtype=keras.backend.floatx(), name=f"{name}_head"
    )


def _logit(head: keras.layers.Layer, vector: tf.Tensor) -> tf.Tensor:
    return tf.squeeze(head(vector), axis=-1)


def _cross_entropy(logit: tf.Tensor, label: tf.Tensor) -> tf.Tensor:
    """Of each label, in its shape."""
    return tf.nn.sigmoid_cross_entropy_with_logits(
        tf.cast(label, logit.dtype), logit
    )
