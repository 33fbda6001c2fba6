"""No meta-learner."""

import numpy as np
import tensorflow as tf

from tfxdr.meta_learners import MetaLearner
from tfxdr.registry import meta_learners


def test_every_row_counts_the_same(make_model, make_batch):
    model, batch = make_model(), make_batch()
    meta = meta_learners.build("none", interval=5)
    assert isinstance(meta, MetaLearner)
    meta.build(model.backbone)
    assert meta.interval == 0 and not meta.meta_variables
    assert meta.importance(model, batch) is None
    variables = model.variables_to_train
    loss, gradients = meta.gradients(model, batch, variables)
    with tf.GradientTape() as tape:
        source, target = model.example_losses(batch)
        expected = tf.reduce_mean(target) + tf.reduce_mean(source)
    np.testing.assert_allclose(loss, expected, rtol=1e-6)
    for ours, theirs in zip(
        gradients, tape.gradient(expected, variables), strict=True
    ):
        np.testing.assert_allclose(
            tf.convert_to_tensor(ours),
            tf.convert_to_tensor(theirs),
            rtol=1e-5,
            atol=1e-7,
        )
