"""Joint batches in training: everything once, evenly, and again if asked."""

import collections
import types

import numpy as np
import pytest
import tensorflow as tf

from tfxdr.data.joint.batches import JointBatches
from tfxdr.data.joint.examples import JointData
from tfxdr.data.users import Users
from tfxdr.ops.ragged import Ragged

NUM_USERS = 50
DATA = types.SimpleNamespace(
    num_source_items=32,
    num_target_items=22,
    source_categories=None,
    target_categories=None,
)


def random_users(ratings=True):
    """Distinct items in both domains, so that an item tells its event."""
    rng = np.random.default_rng(1)
    rows = [
        [
            2 + rng.permutation(most)[: rng.integers(0, few)]
            for _ in range(NUM_USERS)
        ]
        for most, few in ((30, 13), (20, 10))
    ]
    rows[0][0], rows[1][1] = [], []
    history, target = map(Ragged.from_rows, rows)
    events, targets = len(history.values), len(target.values)
    split = rng.choice(4, targets, p=[0.6, 0.15, 0.15, 0.1])
    rating = rng.integers(1, 6, events + targets).astype(np.float32)
    return Users(
        ids=np.array([b"u%02d" % row for row in range(NUM_USERS)], object),
        history=history,
        target=target,
        split=split.astype(np.int8),
        history_rating=rating[:events] if ratings else None,
        target_rating=rating[events:] if ratings else None,
    )


def batches_of(users, batch_size=16, seed=5, meta_fraction=0.2, **options):
    data = JointData.of(
        DATA, users, history_length=4, meta_fraction=meta_fraction, seed=3
    )
    return JointBatches(data, batch_size=batch_size, seed=seed, **options)


def event_of(rows, user, item):
    """The event of a user's item, or none (a sampled negative)."""
    row = rows[user].tolist()
    return rows.offsets[user] + row.index(item) if item in row else None


def examples_of(users, split=0):
    events = np.flatnonzero(users.split == split)
    return collections.Counter(
        zip(
            users.target.row_of_value[events].tolist(),
            users.target.values[events].tolist(),
            strict=True,
        )
    )


def targets_of(batches, epoch):
    return [
        (int(user) - 2, int(item), float(label))
        for batch in batches.epoch(epoch)
        for user, item, label in zip(
            batch.user, batch.target.item, batch.target_label, strict=True
        )
    ]


def test_every_training_example_comes_once_per_epoch():
    users = random_users()
    batches = batches_of(users, meta_fraction=0)
    for epoch in (0, 1):
        seen = targets_of(batches, epoch)
        assert collections.Counter(row[:2] for row in seen) == examples_of(
            users
        )
        for user, item, label in seen:
            event = event_of(users.target, user, item)
            assert label == (users.target_rating[event] > 3)


def test_an_unrated_example_comes_with_one_negative():
    users = random_users(ratings=False)
    batches = batches_of(users, meta_fraction=0)
    epochs = [targets_of(batches, epoch) for epoch in (0, 1)]
    for seen in epochs:
        positives = [row[:2] for row in seen if row[2]]
        assert collections.Counter(positives) == examples_of(users)
        negatives = [row[:2] for row in seen if not row[2]]
        assert len(negatives) == len(positives)
        assert not {*negatives} & {*positives}
        count = [
            collections.Counter(user for user, _ in rows)
            for rows in (positives, negatives)
        ]
        assert count[0] == count[1]
    assert sorted(epochs[0]) != sorted(epochs[1])


@pytest.mark.parametrize("ratings", [True, False])
def test_source_examples_are_gone_through_evenly(ratings):
    users = random_users(ratings=ratings)
    batches = batches_of(users)
    seen = [collections.Counter() for _ in range(NUM_USERS)]
    for epoch in range(3):
        for batch in batches.epoch(epoch):
            for user, item, label in zip(
                (batch.user - 2).numpy(),
                batch.source.item.numpy(),
                batch.source_label.numpy(),
                strict=True,
            ):
                if ratings or label:
                    seen[user][int(item)] += 1
    checked = 0
    for user, counts in enumerate(seen):
        own = users.history[user].tolist()
        own = own[:-2] if len(own) >= 3 else own  # without evaluation's
        if not counts or not own:
            assert ratings is False or set(counts) <= {0}
            continue
        assert set(counts) <= set(own)
        often = [counts[item] for item in own]
        assert max(often) - min(often) <= 1
        checked += 1
    assert checked > 10


def test_a_target_example_stands_beside_several_source_examples():
    users = random_users()
    batches = batches_of(users, meta_fraction=0, source_examples=3)
    targets, sources = collections.Counter(), collections.Counter()
    for epoch in range(2):
        sizes = []
        for batch in batches.epoch(epoch):
            pairs = list(
                zip(
                    (batch.user - 2).numpy().tolist(),
                    batch.target.item.numpy().tolist(),
                    batch.target_label.numpy().tolist(),
                    strict=True,
                )
            )
            assert set(collections.Counter(pairs).values()) == {3}
            targets.update(pair[:2] for pair in set(pairs))
            items = batch.source.item.numpy().tolist()
            for first in range(0, len(items), 3):
                user = pairs[first][0]
                beside = [item for item in items[first : first + 3] if item]
                sources.update((user, item) for item in beside)
                own = users.history[user].tolist()
                own = own[:-2] if len(own) >= 3 else own
                assert len(set(beside)) == min(3, len(own))
                assert set(beside) <= set(own)
            sizes.append(len(pairs))
        assert sizes[:-1] == [3 * 16] * (batches.steps - 1)
        assert 0 < sizes[-1] <= 3 * 16
    assert set(targets.values()) == {2}
    assert set(targets) == set(examples_of(users))
    often = collections.defaultdict(list)
    for (user, _), count in sources.items():
        often[user].append(count)
    assert all(max(counts) - min(counts) <= 1 for counts in often.values())


def test_rows_without_a_source_example():
    users = random_users()
    missing = 0
    for batch in batches_of(users, meta_fraction=0).epoch(0):
        batch = tf.nest.map_structure(lambda part: part.numpy(), batch)
        empty = users.history.lengths[batch.user - 2] == 0
        np.testing.assert_array_equal(batch.has_source, ~empty)
        for part in (
            batch.source.item,
            batch.source.category,
            batch.source_label,
            batch.source_history.item,
        ):
            assert not part[empty].any()
        assert batch.source.item[~empty].min() >= 2
        missing += empty.sum()
    assert missing > 0


def test_the_meta_set_does_not_train():
    users = random_users()
    batches = batches_of(users, batch_size=7)
    whole = examples_of(users)
    trained = {row[:2] for row in targets_of(batches, 0)}
    meta = {*whole} - trained
    assert len(meta) == len(batches.data.meta) > 7
    seen = collections.Counter()
    for number in range(len(meta)):
        batch = batches.held_out(number, 7)
        assert batch.user.shape == [7]
        seen.update(
            zip(
                (batch.user - 2).numpy().tolist(),
                batch.target.item.numpy().tolist(),
                strict=True,
            )
        )
    # 7 rounds of the whole set.
    assert seen == collections.Counter(dict.fromkeys(meta, 7))


def flat(batch):
    return [part.numpy() for part in tf.nest.flatten(batch)]


def assert_same(first, second):
    for a, b in zip(flat(first), flat(second), strict=True):
        np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("ratings", [True, False])
def test_an_epoch_can_start_anywhere_and_be_repeated(ratings):
    users = random_users(ratings=ratings)
    batches = batches_of(users, batch_size=40)
    whole = list(batches.epoch(3))
    assert len(whole) == batches.steps > 1
    for first in (1, batches.steps):
        again = list(batches_of(users, batch_size=40).epoch(3, first))
        assert len(again) == len(whole) - first
        for old, new in zip(whole[first:], again, strict=True):
            assert_same(old, new)
    assert [int(batch.step) for batch in whole] == [
        3 * batches.steps + step for step in range(batches.steps)
    ]
    assert {int(batch.epoch) for batch in whole} == {3}


def test_what_the_upper_level_sees_can_be_repeated():
    users = random_users(ratings=False)
    first = batches_of(users).held_out(4, 9)
    assert_same(first, batches_of(users).held_out(4, 9))
    other = batches_of(users, seed=6).held_out(4, 9)
    assert first.user.numpy().tolist() != other.user.numpy().tolist()
    later = batches_of(users).held_out(9, 9)
    assert (first.seed != later.seed).numpy().any()


def test_epochs_and_seeds_differ():
    users = random_users()
    first = targets_of(batches_of(users), 0)
    assert first != targets_of(batches_of(users), 1)
    assert first != targets_of(batches_of(users, seed=6), 0)


def test_step_seeds_never_repeat():
    batches = batches_of(random_users())
    seeds = [
        tuple(batch.seed.numpy())
        for epoch in range(3)
        for batch in batches.epoch(epoch)
    ]
    assert len(set(seeds)) == len(seeds)


def test_without_a_meta_set_nothing_is_held_out():
    batches = batches_of(random_users(), meta_fraction=0)
    with pytest.raises(ValueError, match="expected a meta set"):
        batches.held_out(0, 7)
