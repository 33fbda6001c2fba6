"""What runs make of L2-SP, WiSE-FT and averages: served, resumed, refused."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf

import tfxdr
from tfxdr.errors import InputError
from tfxdr.registry import optimizers
from tfxdr.training import loop as loop_module
from tfxdr.training.fit import fit
from tfxdr.training.loop import LoopSettings
from tfxdr.training.parameters import OptimizerSettings, Parameters
from tfxdr.training.progress import Progress

DATA = "synthetic(users=120,source_items=50,target_items=40)"


class Steps:
    steps = 4

    def __init__(self, stop_at=None):
        self.stop_at = stop_at

    def epoch(self, epoch, first_step=0):
        seeds = [[0, epoch * 4 + step] for step in range(first_step, 4)]
        batches = tf.data.Dataset.from_tensor_slices(tf.constant(seeds))
        return batches if self.stop_at is None else Cut(batches, self.stop_at)


class Cut:
    """Batches that are interrupted before one of them."""

    def __init__(self, batches, stop_at):
        self.batches, self.stop_at = batches, stop_at
        self.element_spec = batches.element_spec

    def __iter__(self):
        for batch in self.batches:
            if int(batch[1]) == self.stop_at:
                raise KeyboardInterrupt
            yield batch


class Line(tf.keras.Model):
    def __init__(self):
        super().__init__()
        self.old, self.new = tf.Variable([3.0, 1.0]), tf.Variable(2.0)

    def batch_loss(self, seed):
        noise = tf.random.stateless_normal([2], seed)
        return tf.reduce_sum((self.old * self.new - noise) ** 2), 1.0


class Stage(loop_module.Stage):
    name = "toy"

    def __init__(self, **options):
        self.model, self.batches = Line(), Steps(**options)

    @property
    def parameters(self):
        return Parameters(pretrained=[self.model.old], new=[self.model.new])

    def validate(self):
        return {"hr@5": -float(tf.norm(self.model.old * self.model.new))}


def trained(folder, optimizer, *, resume=False, **options):
    stage = Stage(**options)
    found = fit(
        stage,
        optimizer=OptimizerSettings(optimizers.parse(optimizer), 0.1),
        settings=LoopSettings(3, 9, "hr@5", 1e9),
        run_folder=folder,
        resume=resume,
        progress=Progress(),
    )
    del found["seconds"]
    return found, stage.model.old.numpy(), stage.model.new.numpy()


@pytest.mark.parametrize("optimizer", ["l2-sp(weight=1.0)", "wise-ft", "ema"])
def test_a_resumed_training_equals_one_that_was_not_cut(optimizer, tmp_path):
    whole = trained(tmp_path / "whole", optimizer)
    with pytest.raises(KeyboardInterrupt):
        trained(tmp_path / "cut", optimizer, stop_at=6)
    resumed = trained(tmp_path / "cut", optimizer, resume=True)
    assert resumed[0] == whole[0]
    for one, other in zip(resumed[1:], whole[1:], strict=True):
        np.testing.assert_array_equal(one, other)
    assert whole[0] != trained(tmp_path / "adam", "adam")[0]


def test_a_run_is_judged_and_exported_by_its_averages(tmp_path, monkeypatch):
    """With no share of the tuned weights, these are the pre-trained ones."""
    monkeypatch.chdir(tmp_path)
    run = tfxdr.run(
        DATA,
        backbone="nextitnet(channels=8,dilations=[1,2])",
        policy="all",
        optimizer="wise-ft(share=0.0)",
        pretrain_epochs=1,
        epochs=1,
    )
    (one,) = run
    contender = one._contender
    experiment, model = contender.experiment, contender.trained().model
    pretrained = experiment.pretrain(one.folder, resume=True)
    first = experiment.stage(contender._policy, pretrained).model
    for served, start in zip(
        model.pretrained_variables, first.pretrained_variables, strict=True
    ):
        np.testing.assert_array_equal(served, start)
    heads = (m.head.trainable_variables[0].numpy() for m in (model, first))
    assert not np.array_equal(*heads)
    assert dict(contender.evaluate()) == dict(one.metrics)
    assert one.export("shop").compared > 0


def test_a_joint_model_has_no_pretrained_weights_to_stay_near(
    tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(InputError, match="tells pre-trained weights from new"):
        tfxdr.run(DATA, backbone="mtl", optimizer="l2-sp", epochs=1)
