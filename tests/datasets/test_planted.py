"""The planted set: shares are exact, and what should mislead misleads."""

import time

import numpy as np
import pytest
import scipy.stats

from tfxdr.data.prepare import prepare
from tfxdr.datasets.planted import Planted, _World, best_aucs
from tfxdr.errors import InputError
from tfxdr.evaluation.groups import kinds_of
from tfxdr.registry import datasets


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return prepare(
        Planted(users=1000),
        cache_dir=tmp_path_factory.mktemp("cache"),
        split="leave-one-out",
    )


def is_harmful(categories):
    return kinds_of(categories, "harmful") == "harmful"


def harmful(data):
    """Whether each source event is harmful, `[events]`."""
    kinds = is_harmful(data.source_categories)
    return kinds[data.users().history.values - 2]


def matrix(num_rows, items, rows, values):
    dense = np.zeros((num_rows, items.max() + 1))
    dense[rows, items] = values - 3.5
    return dense


def taste_of_targets(users):
    """Each user's target ratings, by item; 0 where there is none."""
    return matrix(
        len(users),
        users.target.values,
        users.target.row_of_value,
        users.target_rating,
    )


def agreement(users, keep):
    """How far users who agree in source events agree in the target.

    Rank correlation, over pairs of users, of the products of their ratings of
    the chosen source events and of their target events. It does not look at
    categories or traits.
    """
    source = matrix(
        len(users),
        users.history.values[keep],
        users.history.row_of_value[keep],
        users.history_rating[keep],
    )
    target = taste_of_targets(users)
    pairs = np.triu_indices(len(users), 1)
    left, right = (source @ source.T)[pairs], (target @ target.T)[pairs]
    both = (left != 0) & (right != 0)
    return scipy.stats.spearmanr(left[both], right[both]).statistic


def test_shape(data):
    counts = data.manifest["counts"]
    assert counts["users"] == counts["shared_users"] == 1000
    assert counts["source_events"] == 40_000
    assert counts["target_instances"] == 10_000
    assert counts["duplicate_targets"] == 0
    users = data.users()
    assert set(users.history.lengths) == {40}
    assert set(users.target.lengths) == {10}
    assert set(data.source_categories) == {
        f"{kind}-{number}"
        for kind in ("helpful", "harmful")
        for number in range(1, 5)
    }
    assert set(data.target_categories) == {
        f"target-{number}" for number in range(1, 5)
    }


def test_a_user_meets_an_item_once(data):
    users = data.users()
    for rows in (users.history, users.target):
        pairs = np.stack([rows.row_of_value, rows.values])
        assert len(np.unique(pairs, axis=1).T) == len(rows.values)


def test_ratings_are_from_one_to_five_and_half_are_positive(data):
    users = data.users()
    for rating in (users.history_rating, users.target_rating):
        assert set(rating) == {1, 2, 3, 4, 5}
        assert abs((rating > 3).mean() - 0.5) < 0.03


def test_the_share_of_harmful_behaviors_is_exact_in_each_user(data):
    users = data.users()
    count = np.bincount(users.history.row_of_value[harmful(data)])
    np.testing.assert_array_equal(count, np.full(1000, 28))


@pytest.mark.parametrize(("share", "count"), [(0, 0), (0.25, 2), (1, 8)])
def test_any_share(prepared, share, count):
    options = {"users": 30, "source_ratings": 8, "harmful": share}
    data = prepared(Planted(**options))
    assert harmful(data).sum() == 30 * count


def test_kinds_look_alike(data):
    users, bad = data.users(), harmful(data)
    rating, when = users.history_rating, users.history_time
    assert abs(rating[bad].mean() - rating[~bad].mean()) < 0.05
    assert abs(rating[bad].std() - rating[~bad].std()) < 0.05
    year = 365 * 86_400
    assert abs(when[bad].mean() - when[~bad].mean()) < 0.02 * year


def test_who_agrees_in_helpful_behaviors_agrees_in_the_target(data):
    users, bad = data.users(), harmful(data)
    assert agreement(users, ~bad) > 0.05
    assert abs(agreement(users, bad)) < 0.03


def numbers(raw_ids):
    return np.array([int(raw[1:]) for raw in raw_ids])


def world(**options):
    made = _World(Planted(**options))
    source, ratings = made.draw_source()
    return made, source, ratings.events("s")


def test_harmful_ratings_follow_another_taste():
    made, source, events = world()
    user, item = numbers(events["user"]), numbers(events["item"])
    bad = is_harmful(source.category)[item]
    correlations = [
        np.corrcoef(
            (taste[user] * source.trait[item])[kind], events["rating"][kind]
        )[0, 1]
        for taste in (made.taste, made.other_taste)
        for kind in (~bad, bad)
    ]
    own, misled, other, followed = correlations
    assert min(own, followed) > 0.6
    assert max(abs(misled), abs(other)) < 0.05


def taste_from(source, events, keep):
    """Each user's taste by ridge regression on known traits: `[users]`."""
    user, item = numbers(events["user"])[keep], numbers(events["item"])[keep]
    trait, rating = source.trait[item], events["rating"][keep] - 3.5
    moment = np.bincount(user, trait * rating)
    return moment / (1 + np.bincount(user, trait**2))


def test_what_harmful_behaviors_cost_the_target():
    made, source, behaviors = world()
    target, ratings = made.draw_target()
    asked = ratings.events("t")
    user, item = numbers(asked["user"]), numbers(asked["item"])
    positive = asked["rating"] > 3
    bad = is_harmful(source.category)
    bad = bad[numbers(behaviors["item"])]
    auc = []
    for keep in (~bad, np.full(len(bad), True), bad):
        taste = taste_from(source, behaviors, keep)
        score = taste[user] * target.trait[item]
        wins = scipy.stats.mannwhitneyu(score[positive], score[~positive])
        pairs = positive.sum() * (~positive).sum()
        auc.append(wins.statistic / pairs)
    helpful, everything, harmful = auc
    assert helpful > 0.8
    assert everything < helpful - 0.1
    assert abs(harmful - 0.5) < 0.05


def test_the_same_seed_is_the_same_data(prepared):
    options = {"users": 20, "source_items": 90}
    first = prepared(Planted(**options, seed=3))
    again = prepared(Planted(**options, seed=3), max_history=99)
    other = prepared(Planted(**options, seed=4))
    assert first.folder != again.folder
    assert first.fingerprint == again.fingerprint
    assert first.fingerprint != other.fingerprint


def test_it_is_generated_at_once():
    start = time.perf_counter()
    world()
    assert time.perf_counter() - start < 5  # 0.1 s on an idle machine


def test_ceilings_rise_with_what_is_known():
    found = best_aucs(Planted(users=1000))
    alone, mixed, unknown, helpful = found.values()
    # What misleads makes up for more than what helps.
    assert mixed < alone < unknown < helpful


def test_without_harm_all_ratings_are_the_users_own():
    found = best_aucs(Planted(users=300, harmful=0.0))
    _, mixed, unknown, helpful = found.values()
    assert mixed == helpful == pytest.approx(unknown, abs=1e-9)


def test_where_all_misleads_nothing_helps():
    found = best_aucs(Planted(users=300, harmful=1.0))
    alone, mixed, unknown, helpful = found.values()
    assert alone == helpful == pytest.approx(unknown, abs=1e-9)
    assert mixed < alone


def test_a_ceiling_by_hand():
    """Of one rating each nothing is known: all that is left is the trait.

    A taste is as likely below zero as above, so that it tells nothing either.
    """
    world = Planted(users=4000, source_ratings=1, target_ratings=1, harmful=1.0)
    found = best_aucs(world)["target ratings alone"]
    assert found == pytest.approx(0.5, abs=4 * np.sqrt(1 / 12 / 2000 * 2))


@pytest.mark.parametrize(
    ("option", "said"),
    [
        ("users=0", "users should be at least 1"),
        ("source_items=79", "source_items should be at least 80"),
        ("target_items=9", "target_items should be at least 10"),
        ("source_ratings=0", "source_ratings should be at least 1"),
        ("target_ratings=0", "target_ratings should be at least 1"),
        ("harmful=1.5", "harmful should be from 0 to 1, found 1.5"),
        ("seed=-1", "seed should be at least 0"),
    ],
)
def test_options_out_of_range(option, said):
    with pytest.raises(InputError, match=said):
        datasets.build(f"planted({option})")
