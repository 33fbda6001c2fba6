"""Biases of users and items, and shares of positives."""

import numpy as np
import pytest
import scipy.special

from tfxdr.models.biases import Examples, fit_biases, item_shares

SIZES = 4, 5
RANDOM = np.random.default_rng(1)
EXAMPLES = Examples(
    user=RANDOM.integers(0, 4, 60),
    item=RANDOM.integers(0, 5, 60),
    label=RANDOM.integers(0, 2, 60).astype(float),
)


def test_shares_are_drawn_to_that_of_all():
    examples = Examples(
        np.zeros(4, int), np.array([2, 2, 2, 3]), np.array([1.0, 1.0, 0.0, 0.0])
    )
    found = item_shares(examples, 2, 5)
    probability = scipy.special.expit(
        found.logits(np.array([0] * 3), [2, 3, 4])
    )
    # Half of all are positive, and five examples stand for that.
    np.testing.assert_allclose(probability, [4.5 / 8, 2.5 / 6, 0.5])


def test_at_the_minimum_no_slope_is_left():
    penalty = 2.0
    found = fit_biases(EXAMPLES, *SIZES, penalty)
    logit = found.logits(EXAMPLES.user, EXAMPLES.item)
    slope = scipy.special.expit(logit) - EXAMPLES.label
    for rows, size, biases in (
        (EXAMPLES.user, 4, found.user),
        (EXAMPLES.item, 5, found.item),
    ):
        of_each = np.bincount(rows, slope, size) + penalty * biases
        np.testing.assert_allclose(of_each, 0, atol=0.02)
    assert abs(slope.sum()) < 0.02
    assert np.ptp(found.item) > 0.05


def test_a_larger_penalty_draws_biases_to_zero():
    small, large = (fit_biases(EXAMPLES, *SIZES, p) for p in (0.1, 100.0))
    assert np.abs(large.user).max() < 0.1 * np.abs(small.user).max()


def test_where_the_search_begins_does_not_matter():
    far = fit_biases(EXAMPLES, *SIZES, 100.0)
    one, other = (fit_biases(EXAMPLES, *SIZES, 1.0, at) for at in (None, far))
    np.testing.assert_allclose(one.user, other.user, atol=0.01)
    np.testing.assert_allclose(one.item, other.item, atol=0.01)


def test_without_a_penalty_there_is_no_minimum():
    with pytest.raises(ValueError, match="penalty should be above 0"):
        fit_biases(EXAMPLES, *SIZES, 0.0)


def test_what_is_known_of_users_counts_without_a_penalty():
    known = np.array([2.0, -1.0, 0.5, -1.5])
    found = fit_biases(EXAMPLES, *SIZES, 1e6, known=known)
    # All else is drawn to zero: a logistic regression on one number.
    np.testing.assert_allclose(found.user, found.share * known, atol=1e-4)
    slope = (
        scipy.special.expit(found.logits(EXAMPLES.user, EXAMPLES.item))
        - EXAMPLES.label
    )
    assert abs(slope @ known[EXAMPLES.user]) < 0.05
    assert abs(found.share) > 0.05


def test_a_search_with_what_is_known_may_begin_anywhere():
    known = np.array([2.0, -1.0, 0.5, -1.5])
    far = fit_biases(EXAMPLES, *SIZES, 100.0, known=known)
    for begin in (None, far):
        found = fit_biases(EXAMPLES, *SIZES, 2.0, begin, known)
        logit = found.logits(EXAMPLES.user, EXAMPLES.item)
        slope = scipy.special.expit(logit) - EXAMPLES.label
        own = found.user - found.share * known
        of_users = np.bincount(EXAMPLES.user, slope, 4)
        np.testing.assert_allclose(of_users + 2 * own, 0, atol=0.02)
        assert abs(known @ of_users) < 0.02
    assert fit_biases(EXAMPLES, *SIZES, 2.0).share == 0
