"""Training steps of joint models with BIP's weights, and without them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

import tfxdr.backbones
import tfxdr.meta_learners
import tfxdr.optimizers  # noqa: F401

# isort: split
import tensorflow as tf

from benchmarks.shapes import Shapes
from tfxdr.registry import backbones, meta_learners, optimizers
from tfxdr.training.joint import build_joint
from tfxdr.training.parameters import OptimizerSettings, ParameterGroups
from tfxdr.types import FIRST_ITEM, Items, JointBatch, JointSizes

_USERS, _ITEMS, _HISTORY = 5_000, 12_000, 20  # Ciao's DVDs and books, about
# Shares of empty and of full histories there; all between come as often.
_EMPTY_AND_FULL = {"source": (0.4, 0.24), "target": (0.2, 0.4)}


def joint_step(
    backbone: str, meta: str, shapes: Shapes
) -> Callable[[], object]:
    """As a run makes it of a batch; what `bip` updates now and then is not
    in it."""
    learner = meta_learners.build(meta)
    sizes = JointSizes(_USERS, _ITEMS, _ITEMS, FIRST_ITEM, FIRST_ITEM)
    spec = backbones.parse(backbone)
    counts = np.ones(_ITEMS)
    model = build_joint(spec, learner, sizes, seed=0, counts=counts)
    parameters = ParameterGroups(
        OptimizerSettings(optimizers.parse("lazyadam"), 1e-3),
        pretrained=[],
        new=model.variables_to_train,
        total_steps=1000,
    )
    variables = parameters.variables_to_train
    batch = _batch(shapes.batch)
    spec = tf.nest.map_structure(
        lambda x: tf.TensorSpec([None] * x.shape.rank, x.dtype), batch
    )

    @tf.function(
        input_signature=[spec._replace(seed=tf.TensorSpec([2], tf.int32))],
        autograph=False,
    )
    def step(batch: JointBatch) -> tf.Tensor:
        loss, gradients = learner.gradients(model, batch, variables)
        parameters.apply(gradients)
        return loss

    return lambda: step(batch)


def _batch(rows: int) -> JointBatch:
    random = np.random.default_rng(0)

    def items(*shape: int) -> Items:
        ids = random.integers(FIRST_ITEM, _ITEMS, shape)
        return Items(tf.constant(ids, tf.int32), tf.zeros(shape, tf.int32))

    def history(domain: str) -> Items:
        length = random.integers(1, _HISTORY, [rows, 1])
        empty, full = _EMPTY_AND_FULL[domain]
        draw = random.random([rows, 1])
        length[draw < empty], length[draw > 1 - full] = 0, _HISTORY
        real = np.arange(_HISTORY) >= _HISTORY - length
        return Items(*(tf.where(real, x, 0) for x in items(rows, _HISTORY)))

    def labels() -> tf.Tensor:
        return tf.constant(random.integers(0, 2, rows), tf.float32)

    return JointBatch(
        user=tf.constant(random.integers(FIRST_ITEM, _USERS, rows), tf.int32),
        source=items(rows),
        target=items(rows),
        source_label=labels(),
        target_label=labels(),
        has_source=tf.ones([rows]),
        source_history=history("source"),
        target_history=history("target"),
        seed=tf.constant([1, 2]),
        step=tf.constant(0),
        epoch=tf.constant(0),
        negatives=items(rows, 1),
    )
