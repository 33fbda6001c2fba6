"""AutoGraph is for code that may need it."""

import numpy as np
import pytest
import tensorflow as tf

import tfxdr
from tfxdr.ops.tracing import needs_autograph
from tfxdr.testing import models
from tfxdr.training.finetuning import decider

BATCH = models.batch(num_candidates=99)


class Branching(tfxdr.Policy):
    """Python's `if` over a tensor, as a plugin may have it."""

    def call(self, logits, context, training):
        tuned = tf.sigmoid(logits[..., 0])
        if context.step > 3:
            tuned = tf.round(tuned)
        return tuned


@pytest.mark.parametrize("policy", ["all", "gumbel", "rl-scst", "soft"])
def test_our_own_code_is_traced_without(policy):
    model = models.transfer_model(policy=policy)
    assert not needs_autograph(model, model.instance_loss)
    for call in (
        lambda: model.batch_loss(BATCH)[0],
        lambda: model.call(BATCH.history),
    ):
        graph = tf.function(call, autograph=False)
        tf.debugging.assert_near(graph(), call(), atol=1e-4)


def test_a_plugins_branch_over_a_tensor_still_runs():
    model = models.transfer_model(policy="soft")
    model.policy = Branching()
    assert needs_autograph(model)
    decide = decider(model)
    np.testing.assert_array_equal(
        decide(BATCH.history), model.actions(BATCH.history)
    )
    loss = tf.function(model.batch_loss)(models.batch(step=5))[0]
    tf.debugging.assert_near(loss, model.batch_loss(models.batch(step=5))[0])


def test_what_is_no_module_counts_by_itself():
    assert needs_autograph(tf.Module(), len)
    assert not needs_autograph(tf.Module())
