"""Gaps over worlds, against SciPy's paired test."""

import numpy as np
import pytest
import scipy.stats

from tfxdr.evaluation.worlds import gaps_over_worlds


def values_of(numbers):
    return {w: {"hr@5": float(x)} for w, x in enumerate(numbers)}


def test_equals_scipys_paired_test():
    random = np.random.default_rng(3)
    base = random.normal(size=8)
    gains = random.normal(0.8, 1, size=8), random.normal(0, 1, size=8)
    values = {"all": values_of(base)} | {
        f"m{i}": values_of(base + gain) for i, gain in enumerate(gains)
    }
    found = gaps_over_worlds(values, ["hr@5"], "all")
    tests = [scipy.stats.ttest_rel(base + gain, base) for gain in gains]
    smaller, larger = sorted(test.pvalue for test in tests)
    expected = [min(1, 2 * smaller), max(min(1, 2 * smaller), larger)]
    assert sorted(gap.p for gap in found) == pytest.approx(expected)
    for gap, gain, test in zip(found, gains, tests, strict=True):
        low, high = test.confidence_interval(0.95)
        assert (gap.low, gap.high) == pytest.approx((low, high))
        assert gap.mean == pytest.approx(gain.mean())
        assert (gap.worlds, gap.above) == (8, (gain > 0).sum())


def test_only_worlds_that_both_have_count():
    values = {
        "all": {0: {"hr@5": 0.1}, 1: {"hr@5": 0.2}, 2: {"hr@5": 0.9}},
        "cls": {0: {"hr@5": 0.2}, 1: {"hr@5": 0.5}, 7: {"hr@5": 0.0}},
        "zero": {2: {"hr@5": 0.5}},
    }
    (gap,) = gaps_over_worlds(values, ["hr@5"], "all")
    assert (gap.left, gap.worlds, gap.above) == ("cls", 2, 2)
    assert gap.mean == pytest.approx(0.2)


@pytest.mark.parametrize(("gain", "p"), [(0.0, 1.0), (0.5, 0.0)])
def test_worlds_that_agree_to_the_last_digit(gain, p):
    values = {"all": values_of([0, 0]), "cls": values_of([gain, gain])}
    (gap,) = gaps_over_worlds(values, ["hr@5"], "all")
    assert (gap.low, gap.high, gap.p) == (gain, gain, p)
