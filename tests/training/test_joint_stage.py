"""When the upper level of a meta-learner follows, and what it is given."""

import types

import numpy as np
import pytest
import tensorflow as tf

from tfxdr.meta_learners import MetaLearner
from tfxdr.training import joint
from tfxdr.training.joint import JointStage


class Batches:
    """Says what it was asked for."""

    batch_size = 4

    def held_out(self, number, size, epoch):
        user = tf.constant([3, 5])
        return types.SimpleNamespace(
            made=("meta", number, size, epoch), user=user
        )

    def of_users(self, users, number, epoch):
        return types.SimpleNamespace(made=(users.tolist(), number, epoch))


class Recorder(MetaLearner):
    """Keeps what `update` is given."""

    def __init__(self, interval, warm_up=0, matched=False):
        super().__init__()
        self.interval, self.warm_up, self.matched = interval, warm_up, matched
        self.given = []

    def update(self, model, batch, held_out):
        self.given.append((batch.made, held_out.made))


def given(meta, steps):
    """What the upper level gets in epochs of three steps."""
    stage = JointStage(None, meta, Batches(), judge=dict)
    for step in range(steps):
        batch = types.SimpleNamespace(
            step=np.int32(step), epoch=np.int32(step // 3), made=step
        )
        stage.after_step(batch)
    return meta.given


@pytest.mark.parametrize(
    ("options", "at"),
    [
        ((2,), [1, 3, 5]),
        ((2, 3), [4, 6]),
        ((3, 7), []),
        ((0,), []),
    ],
)
def test_an_update_follows_every_interval_after_the_warm_up(options, at):
    assert given(Recorder(*options), 7) == [
        (step, ("meta", number, 40, step // 3))
        for number, step in enumerate(at)
    ]


def test_matched_rows_are_of_the_held_out_users():
    found = given(Recorder(4, matched=True), 4)
    assert found == [(([1, 3], 0, 1), ("meta", 0, 40, 1))]


@pytest.mark.parametrize("searches", [False, True])
def test_a_search_ends_with_what_it_has_found(searches, monkeypatch):
    batches = types.SimpleNamespace(
        data=types.SimpleNamespace(
            target=types.SimpleNamespace(items=[[7], [], [8]])
        ),
    )
    monkeypatch.setattr(
        joint,
        "weigh_behaviors",
        lambda model, meta, data, users, size: users.tolist(),
    )
    stage = JointStage(None, None, batches, judge=dict, searches=searches)
    stage.end()
    assert stage.found == ([0, 1, 2] if searches else None)
