"""Joint batches: their histories against a slow reference."""

import types

import numpy as np
import pytest
import tensorflow as tf

from tfxdr.data.joint.batches import (
    JointBatches,
    behavior_batches,
    evaluation_batches,
    source_of_users,
)
from tfxdr.data.joint.examples import JointData
from tfxdr.data.users import Users
from tfxdr.ops.ragged import Ragged

LENGTH = 4
NUM_USERS = 50
SOURCE_ITEMS, TARGET_ITEMS = 30, 20
DATA = types.SimpleNamespace(
    num_source_items=2 + SOURCE_ITEMS,
    num_target_items=2 + TARGET_ITEMS,
    source_categories=np.array(["", "a", "b"] * 10, object),
    target_categories=None,
)


def sorted_times(rng, rows):
    """Few different ones, so that many events are at the same time."""
    times = [np.sort(rng.integers(0, 15, len(row))) for row in rows]
    return Ragged.from_rows(times, np.int64).values


def rates(rng, rows):
    return rng.integers(1, 6, len(rows.values)).astype(np.float32)


def random_users(times=True, ratings=True):
    """Distinct items in both domains, so that an item tells its event."""
    rng = np.random.default_rng(1)
    rows = [
        [
            2 + rng.permutation(most)[: rng.integers(0, few)]
            for _ in range(NUM_USERS)
        ]
        for most, few in ((SOURCE_ITEMS, 13), (TARGET_ITEMS, 10))
    ]
    rows[0][0], rows[1][1] = [], []
    history, target = map(Ragged.from_rows, rows)
    shares = [0.6, 0.15, 0.15, 0.1]
    split = rng.choice(4, len(target.values), p=shares)
    return Users(
        ids=np.array([b"u%02d" % row for row in range(NUM_USERS)], object),
        history=history,
        target=target,
        split=split.astype(np.int8),
        history_time=sorted_times(rng, history) if times else None,
        target_time=sorted_times(rng, target) if times else None,
        history_rating=rates(rng, history) if ratings else None,
        target_rating=rates(rng, target) if ratings else None,
    )


def joint(users, **options):
    defaults = {"history_length": LENGTH, "meta_fraction": 0.2, "seed": 3}
    return JointData.of(DATA, users, **(defaults | options))


def batches_of(users, batch_size=16, seed=5, **options):
    return JointBatches(
        joint(users, **options), batch_size=batch_size, seed=seed
    )


def slow_history(users, domain, user, audience, moment, left_out):
    """Items of a history by a loop; `moment` is a time or a position."""
    rows, time = users.history, users.history_time
    split = source_split(users)
    if domain == "target":
        rows, time, split = users.target, users.target_time, users.split
    found = []
    for event in range(rows.offsets[user], rows.offsets[user + 1]):
        now = event if time is None else time[event]
        before = moment is None or now < moment
        item = rows.values[event]
        if before and split[event] <= audience and item != left_out:
            found.append(int(item))
    found = found[-LENGTH:]
    return [0] * (LENGTH - len(found)) + found


def source_split(users):
    split = np.zeros(len(users.history.values), int)
    for start, end in zip(
        users.history.offsets[:-1], users.history.offsets[1:], strict=True
    ):
        if end - start >= 3:
            split[end - 2], split[end - 1] = 1, 2
    return split


def event_of(rows, user, item):
    """The event of a user's item, or none (a sampled negative)."""
    row = rows[user].tolist()
    return rows.offsets[user] + row.index(item) if item in row else None


def numpy_of(batch):
    return tf.nest.map_structure(lambda part: part.numpy(), batch)


def check_histories(users, batch, audience, domain="target"):
    """Compares each row whose judged item is known to the reference."""
    batch = numpy_of(batch)
    rows, time = users.target, users.target_time
    judged = batch.target.item
    if domain == "source":
        rows, time, judged = (
            users.history,
            users.history_time,
            batch.source.item,
        )
    checked = 0
    for row, user in enumerate(batch.user - 2):
        event = event_of(rows, user, judged[row])
        if event is None:
            continue
        own = event if time is None else time[event]
        across = None if time is None else own
        source = across if domain == "target" else own
        target = own if domain == "target" else across
        expected = [
            slow_history(
                users, "source", user, audience, source, batch.source.item[row]
            ),
            slow_history(
                users, "target", user, audience, target, batch.target.item[row]
            ),
        ]
        assert batch.source_history.item[row].tolist() == expected[0]
        assert batch.target_history.item[row].tolist() == expected[1]
        checked += 1
    return checked


@pytest.mark.parametrize("times", [True, False])
def test_training_histories_are_those_of_a_slow_loop(times):
    users = random_users(times=times)
    batches = batches_of(users)
    checked = sum(
        check_histories(users, batch, 0) for batch in batches.epoch(0)
    )
    assert checked == len(batches.data.train) > 30


@pytest.mark.parametrize("times", [True, False])
@pytest.mark.parametrize("split", [1, 2])
@pytest.mark.parametrize("domain", ["target", "source"])
def test_evaluation_histories_are_those_of_a_slow_loop(times, split, domain):
    users = random_users(times=times)
    data = joint(users)
    found = []
    for batch, number in evaluation_batches(data, domain, split, 8):
        assert batch.user.shape == [8]
        check_histories(users, batch, split, domain)
        item = batch.target.item if domain == "target" else batch.source.item
        rows = np.stack([batch.user, item], axis=1)[:number]
        found += rows.tolist()
    rows, marks = users.target, users.split
    if domain == "source":
        rows, marks = users.history, source_split(users)
    events = np.flatnonzero(marks == split)
    expected = [rows.row_of_value[events] + 2, rows.values[events]]
    assert found == np.transpose(expected).tolist()
    assert len(found) > 10


def test_evaluation_stands_beside_the_most_recent_source_event():
    users = random_users()
    for batch, number in evaluation_batches(joint(users), "target", 2, 16):
        batch = numpy_of(batch)
        for row in range(number):
            user = batch.user[row] - 2
            event = event_of(users.target, user, batch.target.item[row])
            moment = users.target_time[event]
            history = slow_history(users, "source", user, 2, moment, -1)
            assert batch.source.item[row] == history[-1]
            assert batch.has_source[row] == (history[-1] != 0)


def test_categories_stand_beside_items():
    for batch in batches_of(random_users()).epoch(0):
        batch = numpy_of(batch)
        for items in (batch.source, batch.source_history):
            expected = np.array([1, 2, 3])[(items.item - 2) % 3]
            expected[items.item == 0] = 0
            np.testing.assert_array_equal(items.category, expected)
        history = batch.target_history
        np.testing.assert_array_equal(history.category, history.item > 0)
        assert (batch.target.category == 1).all()


def test_all_batches_fit_one_signature():
    users = random_users()
    batches = batches_of(users)
    spec = batches.epoch(0).element_spec
    assert spec.seed.shape == [2]
    assert spec.user.shape.rank == 1
    assert spec.source_history.item.shape.as_list() == [None, LENGTH]
    others = [batches.held_out(0, 7)]
    others += [
        next(evaluation_batches(batches.data, domain, 2, 8))[0]
        for domain in ("source", "target")
    ]
    others.append(next(behavior_batches(batches.data, np.arange(9), 8))[0])
    for batch in others:
        flat_spec = tf.nest.flatten(spec)
        for wanted, part in zip(flat_spec, tf.nest.flatten(batch), strict=True):
            assert wanted.is_compatible_with(part)


def test_behaviors_of_users():
    users = random_users()
    data = joint(users)
    chosen = np.array([7, 0, 3])
    seen = []
    for batch, user, position in behavior_batches(data, chosen, 4):
        assert batch.user.shape == [4]
        batch = numpy_of(batch)
        for row, (owner, place) in enumerate(zip(user, position, strict=True)):
            seen.append((owner, place))
            item = users.history[owner][place]
            assert batch.user[row] == owner + 2
            assert batch.source.item[row] == item
            test = np.flatnonzero(data.target.split == 2)
            test = test[users.target.row_of_value[test] == owner]
            moment = users.target_time[test[0]] if len(test) else None
            tested = users.target.values[test[0]] if len(test) else 0
            assert batch.target.item[row] == tested
            for domain, left_out, items in (
                ("source", item, batch.source_history.item),
                ("target", -1, batch.target_history.item),
            ):
                assert items[row].tolist() == slow_history(
                    users, domain, owner, 2, moment, left_out
                )
    training = source_split(users) == 0
    expected = [
        (user, place)
        for user in chosen
        for place in range(len(users.history[user]))
        if training[users.history.offsets[user] + place]
    ]
    assert seen == expected


def test_source_items_to_rank_beside():
    users = random_users()
    found = source_of_users(joint(users), np.arange(NUM_USERS))
    for user in range(NUM_USERS):
        events = np.flatnonzero(users.split == 2)
        events = events[users.target.row_of_value[events] == user]
        moment = users.target_time[events[0]] if len(events) else None
        history = slow_history(users, "source", user, 2, moment, -1)
        assert found.item[user] == history[-1]
    assert found.item[0] == 0
    assert found.category[0] == 0


def test_a_split_without_examples_has_no_batches():
    users = random_users()
    users.split[users.split == 1] = 0
    assert not list(evaluation_batches(joint(users), "target", 1, 8))
    assert not list(behavior_batches(joint(users), np.array([0]), 8))


@pytest.mark.parametrize("number", [0, 1])
def test_held_out_histories_are_those_of_a_slow_loop(number):
    users = random_users()
    batches = batches_of(users, batch_size=7)
    assert check_histories(users, batches.held_out(number, 7), 0) == 7
