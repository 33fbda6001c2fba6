"""Behavior weights: by hand, at extremes, by user, and the file."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest

from tfxdr.errors import InputError
from tfxdr.evaluation.behaviors import BehaviorWeights, behavior_metrics
from tfxdr.evaluation.groups import Groups


def _weights(importance, user=None):
    importance = np.asarray(importance, np.float32)
    rows = np.arange(len(importance), dtype=np.int32)
    user = np.zeros_like(rows) if user is None else np.asarray(user)
    return BehaviorWeights(user, rows + 2, rows % 3 + 2, importance)


# Weights 1, 2, 4, 1 have the mean 2.
LOGS = np.log([1.0, 2.0, 4.0, 1.0])


class TestRelative:
    def test_by_hand(self):
        found = _weights(LOGS).relative()
        np.testing.assert_allclose(found, [0.5, 1.0, 2.0, 0.5], rtol=1e-6)
        assert found.dtype == np.float64

    def test_what_all_share_is_nothing(self):
        for shift in (-20000.0, -90.0, 90.0, 20000.0):
            np.testing.assert_allclose(
                _weights(LOGS + shift).relative(),
                [0.5, 1.0, 2.0, 0.5],
                rtol=2e-3,  # float32 of 20000.7
            )

    def test_extremes_stay_finite(self):
        found = _weights([-1e4, 0.0, 0.0, 1e4]).relative()
        np.testing.assert_array_equal(found, [0.0, 0.0, 0.0, 4.0])

    def test_refuses_nobody(self):
        with pytest.raises(InputError, match="no test user.*split_fractions"):
            _weights([]).relative()


class TestMetrics:
    def test_by_hand(self):
        # Relative: 0.25, 0.75, 2, 1.
        share = np.array([1, 3, 8, 4]) / 16
        entropy = -(share * np.log(share)).sum() / math.log(4)
        assert behavior_metrics(_weights(np.log(share))) == pytest.approx(
            {
                "behaviors/median": 0.875,
                "behaviors/deviation": math.sqrt(
                    (0.75**2 + 0.25**2 + 1.0 + 0.0) / 4
                ),
                "behaviors/share_below_half": 0.25,
                "behaviors/entropy": entropy,
                "behaviors/top10_share": 0.5,  # one of four
            }
        )

    def test_share_below_half(self):
        # Weights 1, 1, 1, 9 have the mean 3.
        found = behavior_metrics(_weights(np.log([1, 1, 1, 9])))
        assert found["behaviors/share_below_half"] == 0.75

    def test_the_heaviest_tenth(self):
        found = behavior_metrics(_weights(np.log(np.arange(1, 21))))
        assert found["behaviors/top10_share"] == pytest.approx(39 / 210)

    @pytest.mark.parametrize(("count", "top"), [(1, 1.0), (40, 0.1)])
    def test_all_count_the_same(self, count, top):
        assert behavior_metrics(_weights([3.0] * count)) == pytest.approx(
            {
                "behaviors/median": 1.0,
                "behaviors/deviation": 0.0,
                "behaviors/share_below_half": 0.0,
                "behaviors/entropy": 1.0,
                "behaviors/top10_share": top,
            }
        )

    def test_one_has_all(self):
        found = behavior_metrics(_weights([0.0] * 29 + [1000.0]))
        assert found["behaviors/entropy"] == 0.0
        assert found["behaviors/top10_share"] == 1.0
        assert found["behaviors/median"] == 0.0
        assert found["behaviors/deviation"] == pytest.approx(math.sqrt(29))


class TestMostAndLeast:
    FOUND = _weights(
        [0.0, 5.0, -1.0, 3.0, 3.0, 9.0, -7.0], user=[4, 4, 4, 4, 4, 8, 8]
    )

    @pytest.mark.parametrize(
        ("user", "k", "most", "least"),
        [
            (4, 1, [1], [2]),
            (4, 2, [1, 3], [2, 0]),
            (4, 3, [1, 3, 4], [2, 0]),  # five in all: none stands twice
            (8, 9, [5], [6]),
        ],
    )
    def test_by_hand(self, user, k, most, least):
        found = self.FOUND.most_and_least(user, k)
        assert [places.tolist() for places in found] == [most, least]

    def test_a_single_behavior_is_the_most_useful(self):
        most, least = _weights([1.0]).most_and_least(0, 5)
        assert (most.tolist(), least.tolist()) == ([0], [])

    def test_refuses(self):
        with pytest.raises(InputError, match="user row 5 has no behavior"):
            self.FOUND.most_and_least(5, 1)
        with pytest.raises(ValueError, match="k should be .* Received: 0"):
            self.FOUND.most_and_least(4, 0)


class TestAucAgainst:
    def test_by_hand(self):
        weights = _weights([0.0, 2.0, 1.0, 1.0])
        # 2.0 beats both others, 1.0 beats 0.0 and ties 1.0.
        planted = np.array([False, True, True, False])
        for wanted, found in (("good", 3.5 / 4), ("bad", 0.5 / 4)):
            groups = Groups({"good": planted, "bad": ~planted}, wanted)
            assert weights.auc_of(groups) == found

    @pytest.mark.parametrize("planted", [True, False])
    def test_one_kind_tells_nothing(self, planted):
        good = np.full(4, planted)
        groups = Groups({"good": good, "bad": ~good}, "good")
        assert _weights(LOGS).auc_of(groups) is None

    def test_means_of_groups(self):
        good = np.array([True, False, False, True])
        groups = Groups({"good": good, "bad": ~good})
        found = _weights(LOGS).means_by_group(groups)
        assert found == pytest.approx({"good": 0.5, "bad": 1.5})


class TestFile:
    @pytest.mark.parametrize("importance", [LOGS, []])
    def test_round_trip(self, tmp_path, importance):
        path = tmp_path / "behavior_weights.npz"
        weights = _weights(np.float32(importance))
        weights.save(path)
        assert [file.name for file in tmp_path.iterdir()] == [path.name]
        back = BehaviorWeights.load(path)
        assert {name: value.dtype for name, value in vars(back).items()} == {
            "user": "int32",
            "item": "int32",
            "category": "int32",
            "log_importance": "float32",
        }
        for name, value in vars(weights).items():
            np.testing.assert_array_equal(getattr(back, name), value)

    @pytest.mark.parametrize(
        ("changes", "found"),
        [
            ({"category": None}, "category"),
            ({"user": np.zeros(3)}, "equally long"),
            ({"log_importance": np.full(4, np.nan)}, "finite. Received: nan"),
        ],
    )
    def test_another_file(self, tmp_path, changes, found):
        path = tmp_path / "behavior_weights.npz"
        arrays = dataclasses.asdict(_weights(LOGS)) | changes
        np.savez(path, **{k: v for k, v in arrays.items() if v is not None})
        with pytest.raises(InputError, match=f"{found}.*train the run again"):
            BehaviorWeights.load(path)

    def test_a_missing_file(self, tmp_path):
        with pytest.raises(InputError, match="no file of behavior weights at"):
            BehaviorWeights.load(tmp_path / "behavior_weights.npz")

    def test_refuses_what_does_not_fit(self):
        with pytest.raises(ValueError, match=r"\[behaviors\].*'user': \(2,\)"):
            _weights(LOGS, user=[1, 2])
        with pytest.raises(ValueError, match="finite. Received: -inf"):
            _weights([0.0, -np.inf])
