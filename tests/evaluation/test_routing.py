"""Predicted gains: against least squares by hand, and never of oneself."""

import numpy as np
import pytest

from tfxdr.evaluation.routing import (
    FOLDS,
    PENALTIES,
    _folds,
    _ridge,
    hindsight,
    predicted_gains,
)


def drawn(users=300, noise=0.5, seed=0):
    """Features of which the first decides who gains; a third is not known."""
    random = np.random.default_rng(seed)
    features = random.normal(size=(users, 4))
    gains = np.sign(features[:, 0]) + noise * random.normal(size=users)
    return features, gains, random.integers(0, 3, users)


def test_who_gains_is_found_for_users_without_a_gain_too():
    features, gains, weights = drawn()
    found = predicted_gains(features, gains, weights)
    agree = (found > 0) == (features[:, 0] > 0)
    assert agree[weights == 0].mean() > 0.9


def test_with_nothing_to_go_by_all_go_to_the_better_one():
    features, _, weights = drawn()
    random = np.random.default_rng(1)
    gains = 0.1 + random.normal(size=len(features))
    for shift in (0.5, -0.7):
        found = predicted_gains(features, gains + shift, weights)
        assert ((found > 0) == (shift > 0)).all()


def test_a_users_own_gain_does_not_count():
    features, gains, weights = drawn()
    before = predicted_gains(features, gains, weights)
    user = int(np.flatnonzero(weights)[0])
    gains[user] += 1e-3  # too little to choose another penalty
    after = predicted_gains(features, gains, weights)
    own = _folds(weights > 0) == _folds(weights > 0)[user]
    np.testing.assert_array_equal(before[own], after[own])
    assert (before[~own] != after[~own]).all()


def test_ridge_is_the_weighted_least_squares_of_a_larger_table():
    features, gains, weights = drawn(users=40)
    found = _ridge(features, gains, weights.astype(float), features[:3])
    penalty, total = PENALTIES[2], weights.sum()
    share = np.sqrt(weights / total)[:, np.newaxis]
    rows = np.hstack([features, np.ones((40, 1))]) * share
    # One more row for each coefficient but the intercept.
    more = np.sqrt(penalty) * np.eye(5)[:4]
    solved, *_ = np.linalg.lstsq(
        np.vstack([rows, more]),
        np.concatenate([gains * share[:, 0], np.zeros(4)]),
        rcond=None,
    )
    expected = features[:3] @ solved[:4] + solved[4]
    np.testing.assert_allclose(found[2], expected, rtol=1e-9)
    mean = weights @ gains / total
    np.testing.assert_allclose(found[-1], mean)  # the penalty is infinite


def test_features_that_are_alike_for_all_are_left_out():
    features, gains, weights = drawn()
    more = np.hstack([features, np.full((len(features), 1), 7.0)])
    np.testing.assert_array_equal(
        predicted_gains(features, gains, weights),
        predicted_gains(more, gains, weights),
    )


def test_too_few_users_are_refused():
    features, gains, _ = drawn(users=9)
    weights = np.arange(9) < FOLDS - 1
    with pytest.raises(ValueError, match="at least 5 users"):
        predicted_gains(features, gains, weights.astype(int))


def test_hindsight_chooses_by_user_and_not_by_instance():
    first, second = np.array([1.0, 0.0, 0.0]), np.array([0.0, 0.5, 1.0])
    assert hindsight(first, second, np.array([4, 4, 9])) == 2 / 3
    assert hindsight(first, second, np.array([1, 2, 3])) == 2.5 / 3
