"""Towers and head that start anew once a policy has learned."""

import numpy as np
import tensorflow as tf

from tfxdr.losses.sampled import BayesianPersonalizedRanking
from tfxdr.registry import backbones, policies, policy_networks, tuners
from tfxdr.training.assembly import Parts, build_model
from tfxdr.training.finetuning import FinetuneStage, RetrainStage


def make():
    return build_model(
        Parts(
            backbones.parse("nextitnet(channels=8,dilations=[1,2])"),
            policies.build("gumbel"),
            policy_networks.parse("nextitnet"),
            tuners.build("copy"),
            BayesianPersonalizedRanking(),
        ),
        num_source_items=12,
        num_target_items=9,
        pooling="last",
        train_embeddings="auto",
        top_k=5,
        pretrained=None,
        seed=1,
    )


def test_all_but_the_policy_starts_anew():
    model = make()
    searched = FinetuneStage(model, None, None, pretrained=False)
    first = searched.first_weights()
    before = {v.ref(): v.numpy() for v in model.variables}
    for variable in model.trainable_variables:
        variable.assign_add(tf.ones_like(variable))
    again = RetrainStage(searched, first, epochs=7)
    own = {v.ref() for v in model.policy_variables}
    for variable in model.trainable_variables:
        added = 1.0 if variable.ref() in own else 0.0
        np.testing.assert_allclose(
            variable, before[variable.ref()] + added, rtol=1e-6
        )
    assert own and not again.parameters.policy
    moved = {v.ref() for v in again.parameters.all}
    assert moved == {v.ref() for v in model.trainable_variables} - own
    assert (again.name, again.checkpoints) == ("retrain", "retrain-after-7")
