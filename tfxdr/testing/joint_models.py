"""Small joint models and batches that components are checked in."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from tfxdr.meta_learners import MetaLearner
from tfxdr.models.joint import JointModel
from tfxdr.ops.tracing import graph_of
from tfxdr.registry import optimizers
from tfxdr.testing.contract import values_of
from tfxdr.training.parameters import OptimizerSettings, ParameterGroups
from tfxdr.types import FIRST_ITEM, Items, JointBatch, JointSizes

SIZES = JointSizes(12, 15, 13, 5, 4)
ROWS = 8
# Of the source items; of one nothing is known.
SOURCE_CATEGORIES = np.array(["", *"abc" * 4], object)[
    : SIZES.source_items - FIRST_ITEM
]
_LENGTH = 4


def _items(random: np.random.Generator, items: int, categories: int) -> Items:
    return Items(
        tf.constant(random.integers(2, items, ROWS), tf.int32),
        tf.constant(random.integers(2, categories, ROWS), tf.int32),
    )


def _history(random: np.random.Generator, items: int, categories: int) -> Items:
    """Left-padded; one row has no item."""
    shape = (ROWS, _LENGTH)
    real = np.arange(_LENGTH) >= (np.arange(ROWS) % 5)[:, np.newaxis]
    item, category = (
        tf.constant(random.integers(2, size, shape) * real, tf.int32)
        for size in (items, categories)
    )
    return Items(item, category)


def joint_batch(seed: int = 0) -> JointBatch:
    """Examples of both domains, some without one of the source."""
    random = np.random.default_rng(seed)
    source = SIZES.source_items, SIZES.source_categories
    target = SIZES.target_items, SIZES.target_categories
    labels = (np.arange(ROWS) + seed) % 3 == 0
    return JointBatch(
        user=tf.constant(random.integers(2, SIZES.users, ROWS), tf.int32),
        source=_items(random, *source),
        target=_items(random, *target),
        source_label=tf.constant(labels, tf.float32),
        target_label=tf.constant(~labels, tf.float32),
        has_source=tf.constant(np.arange(ROWS) % 4 != 3, tf.float32),
        source_history=_history(random, *source),
        target_history=_history(random, *target),
        seed=tf.constant([1, 2]),
        step=tf.constant(0),
        epoch=tf.constant(0),
    )


def rows_of(batch: JointBatch, rows: slice) -> JointBatch:
    """Some rows of a batch."""
    return tf.nest.map_structure(
        lambda x: x[rows] if x.shape[:1] == [ROWS] else x, batch
    )


def train_jointly(model: JointModel, meta: MetaLearner) -> list[float]:
    """Two compiled steps, each followed by the upper level."""
    parameters = ParameterGroups(
        OptimizerSettings(optimizers.parse("sgd"), learning_rate=0.1),
        pretrained=[],
        new=model.variables_to_train,
        total_steps=2,
    )

    def step(batch: JointBatch) -> tf.Tensor:
        variables = parameters.variables_to_train
        loss, gradients = meta.gradients(model, batch, variables)
        parameters.apply(gradients)
        return loss

    run, losses = graph_of(step, model, meta), []
    for seed in range(2):
        losses.append(float(run(joint_batch(seed))))
        if meta.interval:
            meta.update(model, joint_batch(seed), joint_batch(seed + 10))
    return losses


def trained_numbers(model: JointModel, meta: MetaLearner) -> list[np.ndarray]:
    """The losses of `train_jointly`, and all variables after it."""
    losses = train_jointly(model, meta)
    learned = values_of([*model.variables, *meta.meta_variables])
    return [np.array(losses), *learned]
