"""Differences of two methods, against SciPy on the same users."""

import numpy as np
import pytest
from scipy import stats

from tfxdr.evaluation.significance import differences, holm


@pytest.fixture
def drawn():
    """`[instances, 3]` values of users who have 1 to 5 instances each."""
    random = np.random.default_rng(3)
    users = np.repeat(np.arange(60), random.integers(1, 6, 60))
    values = random.normal([0.0, 0.15, 1.0], 0.6, (len(users), 3))
    values += random.normal(0, 0.4, 60)[users][:, np.newaxis]
    return values, users


def by_user(values, users):
    counts = np.bincount(users)
    return np.bincount(users, weights=values), counts


def test_the_interval_is_scipys(drawn):
    values, users = drawn
    found = differences(values, users)
    for column, one in enumerate(found):
        own = stats.bootstrap(
            by_user(values[:, column], users),
            lambda sums, counts, axis: sums.sum(axis) / counts.sum(axis),
            paired=True,
            vectorized=True,
            method="percentile",
            random_state=1,
        ).confidence_interval
        assert one.mean == pytest.approx(values[:, column].mean())
        width = own.high - own.low
        assert one.low == pytest.approx(own.low, abs=0.05 * width)
        assert one.high == pytest.approx(own.high, abs=0.05 * width)


def test_the_p_value_is_scipys(drawn):
    values, users = drawn
    for column, one in enumerate(differences(values, users)):
        sums, _ = by_user(values[:, column], users)
        own = stats.permutation_test(
            (sums, np.zeros_like(sums)),
            lambda a, b, axis: (a - b).mean(axis),
            permutation_type="samples",
            vectorized=True,
            n_resamples=9_999,
            random_state=1,
        ).pvalue
        assert one.p == pytest.approx(own, abs=0.03)


def test_the_effect_is_in_deviations_of_users(drawn):
    values, users = drawn
    sums, counts = by_user(values[:, 1], users)
    each = sums / counts
    assert differences(values, users)[1].effect == pytest.approx(
        each.mean() / each.std(ddof=1)
    )


def test_equal_methods_do_not_differ():
    (one,) = differences(np.zeros((4, 1)), np.array([0, 0, 1, 2]))
    assert (one.mean, one.low, one.high, one.p, one.effect) == (0, 0, 0, 1, 0)


def test_instances_of_one_user_are_one_draw():
    """As many instances, of fewer users, say less."""
    random = np.random.default_rng(0)
    values = np.repeat(random.normal(0.2, 1, 40), 10)[:, np.newaxis]
    of_few = differences(values, np.repeat(np.arange(40), 10))[0]
    of_many = differences(values, np.arange(400))[0]
    assert of_few.p > 3 * of_many.p
    assert of_few.high - of_few.low > 2 * (of_many.high - of_many.low)


def test_the_same_seed_gives_the_same_numbers(drawn):
    assert differences(*drawn, seed=4) == differences(*drawn, seed=4)
    assert differences(*drawn, seed=4) != differences(*drawn, seed=5)


def test_nothing_cannot_be_compared():
    with pytest.raises(ValueError, match="Received: none"):
        differences(np.zeros((0, 1)), np.zeros(0, int))


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        # By hand: 3 x 0.01, 2 x 0.02, then no less than the one before.
        ([0.02, 0.01, 0.03], [0.04, 0.03, 0.04]),
        ([0.5, 0.9], [1.0, 1.0]),
        ([], []),
    ],
)
def test_holm(given, expected):
    np.testing.assert_allclose(holm(np.array(given)), expected)
