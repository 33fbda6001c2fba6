"""Batches in parts, and who decides what."""

import json
import os
import pathlib
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

from tfxdr.backbones.conet import CoNet
from tfxdr.errors import InputError
from tfxdr.layers.pair_bias import PairBias
from tfxdr.losses.in_batch import InBatch
from tfxdr.meta_learners.gcs import GradientCosineSimilarity
from tfxdr.models.joint import JointModel
from tfxdr.training.cluster import place_from
from tfxdr.training.distribution import Devices
from tfxdr.training.joint import JointStage
from tfxdr.training.stage import Stage
from tfxdr.types import JointSizes

_PROGRAM = pathlib.Path(__file__).parent / "in_parts.py"
_DATA = "--dataset='synthetic(users=80,source_items=40,target_items=40)'"
_SASREC = "--backbone='sasrec(channels=8,num_blocks=1,dropout=0.3)'"
_BERT = "--backbone='bert4rec(channels=8,num_blocks=1,num_heads=1)'"
_GRU = "--backbone='gru4rec(channels=8,dropout=0.2)'"
_JOINT = (
    "--dataset='planted(users=100)' --batch_size=16 "
    "--backbone='conet(embedding_size=4,hidden=[8],sparse=0.1)'"
)


def _apart(place, count, *lines):
    """The differences of runs in parts and as a whole, relative."""
    done = subprocess.run(
        [sys.executable, _PROGRAM, *lines],
        cwd=place,
        env=dict(os.environ, TFXDR_CPU_DEVICES=str(count)),
        capture_output=True,
        text=True,
        timeout=500,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout.splitlines()[-1])


def test_parts_add_up_to_the_batch(tmp_path):
    """With moments and draws that belong to all rows."""
    found = _apart(
        tmp_path,
        2,
        f"{_DATA} {_SASREC} --policy=gumbel --policy_network=attention",
    )
    assert max(found.values()) < 1e-5, found


@pytest.mark.large
def test_parts_add_up_whatever_is_trained(tmp_path):
    found = _apart(
        tmp_path,
        3,
        f"{_DATA} {_SASREC} --policy=soft --loss=bpr",
        f"{_DATA} {_SASREC} --policy='rl-scst(num_negatives=5,top_k=1)'",
        f"{_DATA} {_SASREC} --policy='random(fresh=true)'",
        f"{_DATA} {_BERT} --policy=mtl --loss=bce",
        f"{_DATA} {_GRU} --policy=mtl --pretrain_loss=sampled_softmax",
        f"{_DATA} {_GRU} --policy=last-1 --loss=sampled_softmax",
        f"{_JOINT} --meta=bip",
        f"{_JOINT} --meta='bip(detached=false)'",
        f"{_JOINT} --meta=by-category",
        f"{_JOINT} --meta=none",
        f"{_JOINT} --meta='oracle(category=harmful)'",
    )
    assert max(found.values()) < 1e-5, found


class TestPlaceFrom:
    @staticmethod
    def _text(cluster, role, index):
        task = {"type": role, "index": index}
        return json.dumps({"cluster": cluster, "task": task})

    def test_workers(self):
        text = self._text({"worker": ["a:1", "b:2"]}, "worker", 1)
        place = place_from(text)
        assert (place.index, place.addresses) == (1, ("a:1", "b:2"))

    def test_a_chief_comes_first(self):
        cluster = {"worker": ["a:1", "b:2"], "chief": ["c:3"]}
        place = place_from(self._text(cluster, "worker", 0))
        assert (place.index, place.addresses) == (1, ("c:3", "a:1", "b:2"))

    @pytest.mark.parametrize(
        "text",
        [
            None,
            "",
            "nonsense",
            "[]",
            '{"cluster": {"worker": ["a:1"]}}',
            '{"cluster": {"worker": ["a"]}, "task": {"type": "worker", '
            '"index": 0}}',
            '{"cluster": {"worker": ["a:1"]}, "task": {"type": "worker", '
            '"index": 1}}',
            '{"cluster": {"worker": ["a:1"], "ps": ["b:1"]}, "task": '
            '{"type": "worker", "index": 0}}',
        ],
    )
    def test_says_what_is_expected(self, text):
        with pytest.raises(InputError, match='expected .*"cluster".*found'):
            place_from(text)


@pytest.fixture(scope="module")
def devices():
    return Devices(tf.distribute.OneDeviceStrategy("CPU:0"))


class TestWhatCannotBeDivided:
    def test_a_loss(self, devices):
        loss = InBatch(np.ones(5, np.float32))
        with pytest.raises(InputError, match="--loss .* found InBatch"):
            devices.check_component("--loss", loss)

    def test_a_meta_learner(self, devices):
        with pytest.raises(InputError, match="--meta .* found GradientCos"):
            devices.check_component("--meta", GradientCosineSimilarity())

    def test_what_a_joint_model_is_given_can(self, devices):
        backbone = CoNet(JointSizes(12, 15, 13, 5, 4), embedding_size=3)
        model = JointModel(
            backbone,
            counts=np.ones(13),
            biases=PairBias(np.zeros(12), np.zeros(13)),
        )
        devices.check(JointStage(model, None, None, dict))
        given = [v.name for v in model.non_trainable_variables]
        assert "prior:0" in given

    def test_a_layer_with_running_statistics(self, devices):
        class Normalized(Stage):
            model = tf.keras.Sequential([tf.keras.layers.BatchNormalization()])

            def validate(self):
                return {}

        stage = Normalized()
        stage.model.build([None, 3])
        with pytest.raises(InputError, match="found .*moving_mean"):
            devices.check(stage)
