"""Joint examples, by hand: labels, splits, negatives, what came before."""

import dataclasses
import types

import numpy as np
import pytest

from tfxdr.data.joint.events import code_categories, dual_split
from tfxdr.data.joint.examples import JointData
from tfxdr.data.users import Users
from tfxdr.errors import InputError
from tfxdr.ops.ragged import Ragged
from tfxdr.types import JointSizes

DATA = types.SimpleNamespace(
    num_source_items=8,
    num_target_items=9,
    source_categories=np.array(["tea", "", "ink", "tea", "oak", ""], object),
    target_categories=None,
)
# User 0 has events in both domains, 1 no source events, 2 no target events.
USERS = Users(
    ids=np.array([b"a", b"b", b"c"], object),
    history=Ragged.from_rows([[2, 3, 4, 2], [], [5, 6]]),
    target=Ragged.from_rows([[2, 3, 4, 5, 6], [2, 7], []]),
    split=np.array([0, 0, 1, 2, 0, 0, 2], np.int8),
    history_time=np.array([10, 20, 20, 40, 10, 50]),
    target_time=np.array([10, 20, 30, 40, 50, 15, 25]),
    history_rating=np.array([5, 3, 4, 1, 2, 4], np.float32),
    target_rating=np.array([3.5, 3, 1, 5, 2, 4, 4], np.float32),
)
UNRATED = dataclasses.replace(USERS, history_rating=None, target_rating=None)


def joint(users=USERS, data=DATA, **options):
    defaults = {"history_length": 3, "meta_fraction": 0, "seed": 3}
    return JointData.of(data, users, **(defaults | options))


def generator(seed=0):
    return np.random.Generator(np.random.Philox(seed))


def history(domain, audience, rows, number):
    """Items that a row's history may hold, without a limit in length."""
    visible = domain.visible(audience)
    ends = rows.source_end if domain.name == "source" else rows.target_end
    start = visible.offsets[rows.user[number]]
    return domain.items.values[visible.values[start : ends[number]]].tolist()


def test_sizes_count_the_reserved_ids():
    assert joint().sizes == JointSizes(
        users=5,
        source_items=8,
        target_items=9,
        source_categories=5,
        target_categories=2,
    )


def test_categories_count_in_ascending_order():
    ids, count = code_categories(["tea", "", "ink", "tea", "oak"], 7)
    assert count == 5
    assert ids.dtype == np.int32
    assert ids.tolist() == [0, 1, 4, 1, 2, 4, 3]
    ids, count = code_categories(None, 4)
    assert count == 2
    assert ids.tolist() == [0, 1, 1, 1]


def test_a_rating_above_the_threshold_is_a_positive():
    data = joint()
    assert data.source.label.tolist() == [1, 0, 1, 0, 0, 1]
    assert data.target.label.tolist() == [1, 0, 0, 1, 0, 1, 1]
    assert joint(positive_above=4).target.label.tolist() == [
        *[0, 0, 0, 1, 0, 0, 0]
    ]


def test_the_last_source_events_are_for_dual_evaluation():
    offsets = np.array([0, 0, 1, 3, 6, 10])
    expected = [0] + [0, 0] + [0, 1, 2] + [0, 0, 1, 2]
    split = dual_split(offsets)
    assert split.dtype == np.int8
    assert split.tolist() == expected
    assert dual_split(np.array([0])).tolist() == []


def test_examples_of_a_rated_domain_are_its_events():
    data = joint()
    assert data.train.tolist() == [0, 2, 8, 10]
    assert data.examples("target", 1).tolist() == [4]
    assert data.examples("target", 2).tolist() == [6, 12]
    assert data.examples("source", 2).tolist() == [6]


def test_examples_of_an_unrated_domain_are_pairs():
    data = joint(UNRATED)
    assert data.train.tolist() == [0, 1, 2, 3, 8, 9, 10, 11]
    assert data.examples("target", 1).tolist() == [4, 5]
    items, labels = data.target.answers(data.train, generator())
    assert labels.tolist() == [1, 0] * 4
    assert items[::2].tolist() == [2, 3, 6, 2]


def test_one_domain_alone_may_have_ratings():
    data = joint(dataclasses.replace(USERS, history_rating=None))
    assert data.source.label is None
    assert data.target.label is not None


@pytest.mark.parametrize(
    "options",
    [
        {"positive_above": None},
        {
            "users": dataclasses.replace(
                USERS,
                history_rating=np.ones(6, np.float32),
                target_rating=np.full(7, 4, np.float32),
            )
        },
    ],
    ids=["not read", "all the same"],
)
def test_ratings_that_tell_nothing(options):
    data = joint(**options)
    assert data.source.label is None
    assert data.target.label is None


def draws(data, examples, number=4000):
    """How often each item is drawn as the negative of an example."""
    items, labels = data.target.answers(np.full(number, examples), generator(5))
    assert not labels.any()
    return np.bincount(items, minlength=9)


def test_negatives_of_training_are_no_training_positives():
    # User 0 trains on items 2, 3 and 6; 4 and 5 are validation and test.
    counts = draws(joint(UNRATED), 1)
    assert np.flatnonzero(counts).tolist() == [4, 5, 7, 8]
    expected = 4000 / 4
    assert np.abs(counts[counts > 0] - expected).max() < 4.5 * expected**0.5
    # User 1 trains on item 2 alone.
    assert np.flatnonzero(draws(joint(UNRATED), 11)).tolist() == [*range(3, 9)]


def test_negatives_of_evaluation_are_fixed_and_never_met():
    data = joint(UNRATED)
    examples = np.concatenate([data.examples("target", s) for s in (1, 2)])
    items, labels = data.target.answers(examples, None)
    assert labels.tolist() == [1, 0] * 3
    assert items[::2].tolist() == [4, 5, 7]
    assert set(items[[1, 3]]) <= {7, 8}
    assert items[5] not in (2, 7)
    again, _ = joint(UNRATED).target.answers(examples, None)
    np.testing.assert_array_equal(items, again)
    others = [
        joint(UNRATED, seed=seed).target.answers(examples, None)[0].tolist()
        for seed in range(20)
    ]
    assert len({tuple(row) for row in others}) > 5


def test_fixed_negatives_do_not_depend_on_other_users():
    whole = joint(UNRATED)
    alone = dataclasses.replace(
        UNRATED,
        ids=UNRATED.ids[1:],
        history=UNRATED.history.take([1, 2]),
        target=UNRATED.target.take([1, 2]),
        split=UNRATED.split[5:],
        history_time=UNRATED.history_time[4:],
        target_time=UNRATED.target_time[5:],
    )
    expected, _ = whole.target.answers(np.array([13]), None)
    found, _ = joint(alone).target.answers(np.array([3]), None)
    assert found == expected


def test_training_rows_hold_what_came_before():
    data = joint()
    # Both domains' events 4 and 5 at time 50 and 40 are for test or
    # validation: user 0's last source events are items 4 (20) and 2 (40).
    rows = data.target_rows(data.train, np.array([2, 0, 2, -1]), generator())
    assert rows.user.tolist() == [0, 0, 0, 1]
    assert rows.target_item.tolist() == [2, 3, 6, 2]
    assert rows.target_label.tolist() == [1, 0, 0, 1]
    assert rows.source_event.tolist() == [1, 0, 1, -1]
    assert rows.source_item.tolist() == [3, 2, 3, 0]
    assert rows.source_label.tolist() == [0, 1, 0, 0]
    source = [history(data.source, 0, rows, row) for row in range(4)]
    # At time 20 the source event of time 20 is not before.
    assert source == [[], [2], [2, 3], []]
    target = [history(data.target, 0, rows, row) for row in range(4)]
    assert target == [[], [2], [2, 3], []]


def test_later_splits_read_more():
    data = joint()
    rows = data.evaluation_rows("target", 1)
    assert rows.target_item.tolist() == [4]
    assert history(data.target, 1, rows, 0) == [2, 3]
    assert history(data.source, 1, rows, 0) == [2, 3, 4]
    rows = data.evaluation_rows("target", 2)
    assert rows.target_item.tolist() == [5, 7]
    assert history(data.target, 2, rows, 0) == [2, 3, 4]
    # Its source event of time 40 is not before time 40.
    assert history(data.source, 2, rows, 0) == [2, 3, 4]
    assert history(data.target, 2, rows, 1) == [2]


def test_what_a_smaller_train_fraction_left_out_is_read_by_none():
    split = np.where(USERS.target.values == 3, 3, USERS.split).astype(np.int8)
    data = joint(dataclasses.replace(USERS, split=split))
    assert data.train.tolist() == [0, 8, 10]
    rows = data.evaluation_rows("target", 2)
    assert history(data.target, 2, rows, 0) == [2, 4]


def test_without_times_the_order_of_rows_counts():
    users = dataclasses.replace(USERS, history_time=None, target_time=None)
    data = joint(users)
    rows = data.target_rows(data.train, np.full(4, -1), generator())
    target = [history(data.target, 0, rows, row) for row in range(4)]
    assert target == [[], [2], [2, 3], []]
    source = [history(data.source, 0, rows, row) for row in range(4)]
    assert source == [[2, 3], [2, 3], [2, 3], []]


def test_times_of_one_domain_order_that_domain():
    users = dataclasses.replace(
        USERS,
        history_time=None,
        target_time=np.array([10, 10, 30, 40, 40, 15, 25]),
    )
    data = joint(users)
    assert not data.comparable
    rows = data.target_rows(data.train, np.full(4, -1), generator())
    target = [history(data.target, 0, rows, row) for row in range(4)]
    assert target == [[], [], [2, 3], []]


def test_evaluation_stands_beside_the_latest_event_before():
    data = joint()
    rows = data.evaluation_rows("target", 2)
    assert rows.source_event.tolist() == [2, -1]
    assert rows.source_item.tolist() == [4, 0]
    assert rows.source_label.tolist() == [1, 0]


def test_dual_evaluation_stands_beside_training_events():
    data = joint()
    rows = data.evaluation_rows("source", 2)
    assert rows.source_item.tolist() == [2]
    assert rows.source_label.tolist() == [0]
    # At time 40: item 3 (time 20) is training, 4 (time 30) is validation.
    assert rows.target_item.tolist() == [3]
    assert history(data.source, 2, rows, 0) == [2, 3, 4]
    assert history(data.target, 2, rows, 0) == [2, 3, 4]
    first = np.array([0, 0, 0, 0, 0, 0, 2], np.int8)
    later = dataclasses.replace(
        USERS, split=first, target_time=USERS.target_time + 100
    )
    assert joint(later).evaluation_rows("source", 2).target_item.tolist() == [0]


def test_the_latest_source_event_of_users():
    data = joint()
    # User 0's first test example is at time 40, 1 has no source events, and 2
    # nothing to be tested on: all his events count.
    assert data.latest_source(np.array([2, 0, 1]), 2).tolist() == [5, 2, -1]
    # Validation rows do not read the source event of test.
    assert data.latest_source(np.array([0]), 1).tolist() == [2]


def test_behaviors_are_those_of_training_before_the_test_example():
    data = joint()
    rows = data.behavior_rows(np.array([2, 0, 1]))
    assert rows.user.tolist() == [2, 2, 0, 0]
    assert rows.source_event.tolist() == [4, 5, 0, 1]
    assert rows.source_item.tolist() == [5, 6, 2, 3]
    assert rows.target_item.tolist() == [0, 0, 5, 5]
    assert history(data.source, 2, rows, 0) == [5, 6]
    assert history(data.source, 2, rows, 2) == [2, 3, 4]
    assert history(data.target, 2, rows, 2) == [2, 3, 4]


@pytest.mark.parametrize(
    ("fraction", "held_out"), [(0.1, 1), (0.5, 2), (0.99, 3)]
)
def test_the_meta_set_is_held_out(fraction, held_out):
    data = joint(meta_fraction=fraction)
    assert len(data.meta) == held_out
    both = np.sort(np.concatenate([data.train, data.meta]))
    assert both.tolist() == [0, 2, 8, 10]
    assert data.train.tolist() == sorted(data.train)


def test_meta_sets_are_of_the_seed_and_nest():
    users = dataclasses.replace(USERS, split=np.zeros(7, np.int8))
    metas = [
        tuple(joint(users, meta_fraction=0.3, seed=seed).meta)
        for seed in range(12)
    ]
    assert len(set(metas)) > 4
    larger = joint(users, meta_fraction=0.6, seed=0).meta
    assert set(metas[0]) < set(larger)


def test_a_positive_and_its_negative_are_held_out_together():
    data = joint(UNRATED, meta_fraction=0.3)
    assert data.meta.tolist() == [data.meta[0], data.meta[0] + 1]
    assert data.meta[0] % 2 == 0


def test_no_training_example_is_an_error():
    users = dataclasses.replace(USERS, split=np.full(7, 2, np.int8))
    with pytest.raises(InputError, match="holds 0 target events, too few"):
        joint(users)


def test_one_training_example_cannot_be_held_out_too():
    users = dataclasses.replace(
        USERS, split=np.array([0, 2, 2, 2, 2, 2, 2], np.int8)
    )
    assert joint(users).train.tolist() == [0]
    with pytest.raises(InputError, match="hold a meta set out; raise --train"):
        joint(users, meta_fraction=0.1)


def test_one_sided_ratings_are_an_error():
    with pytest.raises(InputError) as caught:
        joint(positive_above=5)
    message = str(caught.value)
    assert "--positive_above=5: all source ratings are at most" in message
    assert "from 1 to 5" in message
    with pytest.raises(InputError, match="all source ratings are above"):
        joint(positive_above=0.5)


def test_a_user_who_met_everything_is_an_error():
    small = types.SimpleNamespace(**(vars(DATA) | {"num_target_items": 7}))
    with pytest.raises(InputError, match="a user has met every target item"):
        joint(UNRATED, data=small)
    joint(USERS, data=small)  # with ratings no negative is drawn


@pytest.mark.parametrize(
    "options",
    [{"history_length": 0}, {"meta_fraction": 1.0}, {"meta_fraction": -0.1}],
)
def test_options_out_of_range(options):
    (name,) = options
    with pytest.raises(ValueError, match=f"{name} should be"):
        joint(**options)


def test_an_unknown_domain_is_an_error():
    with pytest.raises(ValueError, match="domain should be one of"):
        joint().evaluation_rows("sauce", 1)


def test_sampled_items_beside_rated_ones_are_no_training_events():
    data = joint(negatives=500)
    examples = data.train
    rows = data.target_rows(examples, np.full(len(examples), -1), generator())
    assert rows.negatives.shape == (len(examples), 500)
    # User 0 trains on items 2, 3 and 6, and user 1 on 2, whatever they rated.
    of_users = {
        user: set(rows.negatives[rows.user == user].ravel().tolist())
        for user in set(rows.user.tolist())
    }
    assert of_users == {0: {4, 5, 7, 8}, 1: set(range(3, 9))}
    again = data.target_rows(examples, np.full(len(examples), -1), generator(1))
    assert (again.negatives != rows.negatives).any()


def test_unrated_events_have_a_negative_of_their_own():
    assert joint(UNRATED, negatives=4).negatives == 0
    data = joint(negatives=4)
    assert data.evaluation_rows("target", 2).negatives.shape[1] == 0
