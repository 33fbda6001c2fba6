"""Labelled examples of both domains, scored by a joint model."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
import tensorflow as tf

from tfxdr.evaluation import division
from tfxdr.evaluation.binary import Probabilities
from tfxdr.types import FIRST_ITEM, JointBatch

JointScorer = Callable[[JointBatch], tuple[tf.Tensor, tf.Tensor]]


def score_examples(
    scores: JointScorer,
    batches: Iterator[tuple[JointBatch, int]],
    domain: str,
) -> Probabilities:
    """Scores the examples of one domain.

    Args:
      scores: logits of the source and the target examples of a batch.
      batches: with how many of their rows count.
      domain: `source` or `target`, whose examples these are.
    """
    place = ("source", "target").index(domain)
    columns: list[list[np.ndarray]] = [[], [], [], []]
    for index, (batch, number) in enumerate(batches):
        label = (batch.source_label, batch.target_label)[place]
        values = (
            batch.user - FIRST_ITEM,
            (batch.source, batch.target)[place].item,
            label,
            scores(batch)[place]
            if division.is_own(index)
            else tf.zeros_like(label),
        )
        for column, value in zip(columns, values, strict=True):
            column.append(value.numpy()[:number])
    empty = [np.zeros(0, np.float32)]
    user, item, label, logit = (np.concatenate(c or empty) for c in columns)
    return Probabilities(user, item, label, division.joined(logit))
