"""Gradient cosine similarity: the source counts while it agrees."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import tensorflow as tf

from tfxdr.backbones.base import JointBackbone
from tfxdr.errors import InputError
from tfxdr.meta_learners.base import Gradient, MetaLearner, TrainsJointly
from tfxdr.registry import meta_learners
from tfxdr.types import JointBatch


@meta_learners.register("gcs")
class GradientCosineSimilarity(MetaLearner):
    """The source counts in steps whose gradients agree (Du et al. 2018).

    "Adapting auxiliary losses using gradient similarity": on what both losses
    reach in the backbone, the source's gradient is added to the target's only
    if the cosine between the two is positive. Heads, and tables that one
    domain has for itself, always learn; so does what the backbone's penalty
    asks for. All source behaviors of a batch count the same.
    """

    needs_whole_batch = True

    def __init__(self, weighted: bool = False) -> None:
        """Keeps the option.

        Args:
          weighted: multiplies the source's gradient by the cosine, if it is
            positive, instead of by 1.
        """
        super().__init__()
        self.weighted = weighted

    def build(self, backbone: JointBackbone) -> None:
        """As in `MetaLearner`.

        Raises:
          InputError: if the backbone leaves the source domain out.
        """
        if not backbone.uses_source:
            raise InputError(
                "--meta=gcs compares the gradients of two domains, but "
                f"--backbone={backbone.name} leaves the source domain out; "
                "use --meta=none, or a backbone that trains both"
            )

    def gradients(
        self,
        model: TrainsJointly,
        batch: JointBatch,
        variables: Sequence[tf.Variable],
    ) -> tuple[tf.Tensor, list[Gradient]]:
        """As in `MetaLearner`; the loss is the whole, whatever the cosine."""
        variables = list(variables)
        weights = self.weights(model, batch)
        with tf.GradientTape(persistent=True) as tape:
            source, target = model.example_losses(batch)
            source = tf.reduce_sum(tf.cast(weights, source.dtype) * source)
            target = tf.reduce_mean(target)
            penalty = tf.cast(model.backbone.penalty(), target.dtype)
        of_target, of_source, of_penalty = (
            tape.gradient(x, variables) for x in (target, source, penalty)
        )
        shared = {variable.ref() for variable in model.shared_variables}
        pairs = {
            index: _align(of_target[index], of_source[index])
            for index, variable in enumerate(variables)
            if variable.ref() in shared
            and of_target[index] is not None
            and of_source[index] is not None
        }
        factor = self._factor(cosine_similarity(pairs.values()))
        gradients = [
            _sum(pairs[index].combine(factor), own)
            if index in pairs
            else _sum(_sum(of_target[index], of_source[index]), own)
            for index, own in enumerate(of_penalty)
        ]
        return target + source + penalty, gradients

    def _factor(self, cosine: tf.Tensor) -> tf.Tensor:
        """Of the source's gradient."""
        if self.weighted:
            return tf.nn.relu(cosine)
        return tf.cast(cosine > 0, cosine.dtype)


class AlignedPair(NamedTuple):
    """Gradients of two losses by one variable, of the same rows.

    Attributes:
      target: as the variable, or `[rows, ...]`.
      source: likewise.
      rows: `[rows]`, distinct, those that either reaches; none: all.
      dense_shape: of the variable, if there are rows.
    """

    target: tf.Tensor
    source: tf.Tensor
    rows: tf.Tensor | None = None
    dense_shape: tf.Tensor | None = None

    def combine(self, factor: tf.Tensor) -> tf.Tensor | tf.IndexedSlices:
        """`target + factor * source`."""
        total = self.target + tf.cast(factor, self.source.dtype) * self.source
        if self.rows is None:
            return total
        return tf.IndexedSlices(total, self.rows, self.dense_shape)


def cosine_similarity(pairs: Iterable[AlignedPair]) -> tf.Tensor:
    """Of all gradients as one vector, a float32 scalar; 0 if one is 0."""
    products = tf.zeros([3])
    for target, source, *_ in pairs:
        terms = (target * source, target**2, source**2)
        sums = [tf.cast(tf.reduce_sum(x), tf.float32) for x in terms]
        products += tf.stack(sums)
    dot, target_square, source_square = tf.unstack(products)
    # One root for each: the product of two small squares would be 0.
    norm = tf.sqrt(target_square) * tf.sqrt(source_square)
    return tf.math.divide_no_nan(dot, norm)


def _align(
    target: tf.Tensor | tf.IndexedSlices, source: tf.Tensor | tf.IndexedSlices
) -> AlignedPair:
    """Sums repeated rows; a table is made whole only if either is."""
    slices = [
        gradient
        for gradient in (target, source)
        if isinstance(gradient, tf.IndexedSlices)
    ]
    if len(slices) < 2:
        return AlignedPair(*map(tf.convert_to_tensor, (target, source)))
    indices = [tf.cast(gradient.indices, tf.int64) for gradient in slices]
    rows, place = tf.unique(tf.concat(indices, 0))
    places = tf.split(place, [tf.size(index) for index in indices])
    of_target, of_source = (
        tf.math.unsorted_segment_sum(gradient.values, own, tf.size(rows))
        for gradient, own in zip(slices, places, strict=True)
    )
    return AlignedPair(of_target, of_source, rows, target.dense_shape)


def _sum(left: Gradient, right: Gradient) -> Gradient:
    """Of two gradients; none is zero."""
    if left is None or right is None:
        return right if left is None else left
    slices = (left, right)
    if not all(isinstance(x, tf.IndexedSlices) for x in slices):
        return tf.add(*map(tf.convert_to_tensor, slices))
    return tf.IndexedSlices(
        tf.concat([x.values for x in slices], 0),
        tf.concat([tf.cast(x.indices, tf.int64) for x in slices], 0),
        left.dense_shape,
    )
