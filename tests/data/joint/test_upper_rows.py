"""Which rows the upper level of a meta-learner sees."""

import types

import numpy as np
import pytest
import tensorflow as tf

from tfxdr.data.joint.batches import JointBatches
from tfxdr.data.joint.examples import JointData
from tfxdr.data.users import Users
from tfxdr.ops.ragged import Ragged

USERS, SOURCE_EVENTS, TARGET_EVENTS = 12, 6, 5
DATA = types.SimpleNamespace(
    num_source_items=40,
    num_target_items=40,
    source_categories=None,
    target_categories=None,
)


def joint(liked_alone=False, meta_fraction=0.25):
    """All target events train; user 0 has none; half of all are liked."""
    rng = np.random.default_rng(4)
    history, target = (
        Ragged.from_rows(
            [2 + rng.permutation(30)[:count] for _ in range(USERS)]
        )
        for count in (SOURCE_EVENTS, TARGET_EVENTS)
    )
    split = np.zeros(len(target.values), np.int8)
    split[:TARGET_EVENTS] = 2
    users = Users(
        ids=np.array([b"u%02d" % row for row in range(USERS)], object),
        history=history,
        target=target,
        split=split,
        history_rating=rng.choice([2.0, 5.0], len(history.values)),
        target_rating=rng.choice([2.0, 5.0], len(target.values)),
    )
    return users, JointData.of(
        DATA,
        users,
        history_length=4,
        meta_fraction=meta_fraction,
        seed=3,
        liked_alone=liked_alone,
    )


def batches_of(data, **options):
    return JointBatches(data, batch_size=7, seed=5, **options)


def rows(batch):
    """Users' rows and target items."""
    pairs = (batch.user - 2).numpy(), batch.target.item.numpy()
    return list(zip(*(part.tolist() for part in pairs), strict=True))


def trained(batches, epoch):
    return [row for batch in batches.epoch(epoch) for row in rows(batch)]


def whole_set(batches, epoch):
    return rows(batches.held_out(0, 1000, epoch))


class TestMatched:
    def test_each_row_is_of_its_user_and_trains(self):
        batches = batches_of(joint()[1])
        wanted = np.array([3, 5, 3, 7, 0, 3])
        found = rows(batches.of_users(wanted, 0))
        assert [user for user, _ in found] == [3, 5, 3, 7, 3]
        assert {*found} <= {*trained(batches, 0)}

    def test_rows_are_drawn_anew_and_can_be_repeated(self):
        batches = batches_of(joint()[1])
        users = np.arange(1, USERS)
        drawn = [rows(batches.of_users(users, number)) for number in range(30)]
        again = batches_of(joint()[1]).of_users(users, 4)
        assert rows(again) == drawn[4] != drawn[5]
        assert {row for some in drawn for row in some} == {*trained(batches, 0)}


class TestMetaSet:
    def test_of_training_rows(self):
        batches = batches_of(joint(meta_fraction=0)[1], meta_set="training")
        assert sorted(whole_set(batches, 0)) == sorted(trained(batches, 0))
        assert len(trained(batches, 0)) == (USERS - 1) * TARGET_EVENTS

    def test_that_rotates(self):
        data = joint()[1]
        everything = sorted(trained(batches_of(data), 0))
        everything = sorted(everything + whole_set(batches_of(data), 0))
        batches = batches_of(data, meta_set="rotating")
        meta = [whole_set(batches, epoch) for epoch in range(5)]
        for epoch, held_out in enumerate(meta):
            assert len(held_out) == len(data.meta)
            assert sorted(trained(batches, epoch) + held_out) == everything
            users = np.arange(USERS)
            matched = rows(batches.of_users(users, 0, epoch))
            assert not {*matched} & {*held_out}
        turns = len(everything) // len(data.meta)
        parts = [row for held_out in meta[:turns] for row in held_out]
        assert len({*parts}) == len(parts)
        assert sorted(meta[turns]) == sorted(meta[0])


@pytest.mark.parametrize("liked_alone", [False, True])
def test_what_is_not_liked_leaves_a_gap_in_histories(liked_alone):
    users, data = joint(liked_alone)
    liked = {
        (user, item)
        for user, item, rating in zip(
            users.history.row_of_value,
            users.history.values,
            users.history_rating,
            strict=True,
        )
        if rating > 3
    }
    seen = set()
    batch = next(iter(batches_of(data).epoch(0)))
    history = batch.source_history
    for user, items in zip(
        (batch.user - 2).numpy(), history.item.numpy(), strict=True
    ):
        seen |= {(user, item) for item in items if item}
    assert (seen <= liked) == liked_alone
    tf.debugging.assert_equal(history.category > 0, history.item > 0)
