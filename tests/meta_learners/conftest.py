"""A small joint model and its batches."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

import tfxdr.meta_learners  # noqa: F401  # registers them
from tfxdr.backbones.conet import CoNet
from tfxdr.models.joint import JointModel
from tfxdr.types import Items, JointBatch, JointSizes

NUM_USERS, NUM_ITEMS, NUM_CATEGORIES = 12, 15, 5
LENGTH = 4


def _items(rng, *shape):
    return Items(
        tf.constant(rng.integers(2, NUM_ITEMS, shape), tf.int32),
        tf.constant(rng.integers(2, NUM_CATEGORIES, shape), tf.int32),
    )


def _history(rng, rows):
    items, length = _items(rng, rows, LENGTH), rng.integers(0, LENGTH, rows)
    real = tf.constant(np.arange(LENGTH) >= length[:, np.newaxis])
    return Items(*(tf.where(real, ids, 0) for ids in items))


@pytest.fixture
def make_batch():
    """Makes random rows; a field that is passed replaces its own."""

    def make(rows=8, seed=0, **fields):
        rng = np.random.default_rng(seed)
        batch = JointBatch(
            user=tf.constant(rng.integers(2, NUM_USERS, rows), tf.int32),
            source=_items(rng, rows),
            target=_items(rng, rows),
            source_label=tf.constant(rng.integers(0, 2, rows), tf.float32),
            target_label=tf.constant(rng.integers(0, 2, rows), tf.float32),
            has_source=tf.constant(np.arange(rows) % 4 != 3, tf.float32),
            source_history=_history(rng, rows),
            target_history=_history(rng, rows),
            seed=tf.constant([1, 2]),
            step=tf.constant(0),
            epoch=tf.constant(0),
        )
        return batch._replace(**fields)

    return make


@pytest.fixture
def make_model():
    """Makes a small CoNet under its heads; takes CoNet's options."""

    def make(**options):
        tf.keras.utils.set_random_seed(5)
        sizes = JointSizes(
            NUM_USERS, NUM_ITEMS, NUM_ITEMS, NUM_CATEGORIES, NUM_CATEGORIES
        )
        options = {"embedding_size": 3, "hidden": (6, 4), **options}
        model = JointModel(CoNet(sizes, **options))
        rng = np.random.default_rng(3)
        for variable in model.trainable_variables:
            variable.assign(rng.normal(0.1, 0.5, variable.shape))
        return model

    return make
