"""Actions: hand-worked metrics, the collapse warning, and the file."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest

from tfxdr.errors import InputError
from tfxdr.evaluation.actions import (
    Actions,
    action_metrics,
    collapse_warning,
)


def _actions(rows, lengths=None):
    rows = np.asarray(rows, np.float32)
    users = np.arange(len(rows), dtype=np.int32) * 3 + 7
    lengths = users if lengths is None else np.asarray(lengths, np.int32)
    return Actions(users, rows, lengths)


# Blocks are tuned for none, one, two and all of four users.
HARD = _actions(
    [[0, 0, 1, 1], [0, 1, 1, 1], [0, 0, 0, 1], [0, 0, 0, 1]],
)


class TestActions:
    def test_rates(self):
        assert HARD.rates.tolist() == [0.0, 0.25, 0.5, 1.0]
        assert (len(HARD), HARD.num_blocks) == (4, 4)

    @pytest.mark.parametrize(
        ("row", "hard"),
        [
            ([0.0, 1.0], True),
            ([0.0, np.float32(1.0) + np.float32(1.2e-7)], True),
            ([0.0, 0.999], False),
            ([0.5, 1.0], False),
        ],
    )
    def test_is_hard(self, row, hard):
        assert _actions([row]).is_hard is hard

    def test_the_tie_is_tuned_as_by_arg_max(self):
        logits = np.array([[0.0, 0.0], [0.0, 1e-3]])  # [tune, freeze]
        gate = 1.0 / (1.0 + np.exp(logits[:, 1] - logits[:, 0]))
        expected = logits.argmax(axis=-1) == 0
        assert _actions([gate]).tuned.tolist() == [expected.tolist()]

    @pytest.mark.parametrize(
        ("users", "rows", "lengths", "message"),
        [
            ([1], [[1.0], [0.0]], [1, 2], r"\(2, 1\), \(1,\) and \(2,\)"),
            ([1, 2], [[1.0], [0.0]], [1], r"\(2, 1\), \(2,\) and \(1,\)"),
            ([1, 2], [1.0, 0.0], [1, 2], r"Received: \(2,\)"),
            ([1], [[]], [1], r"Received: \(1, 0\)"),
            ([1], [[0.5, 1.1]], [1], r"between 0 and 1. Received: 1.1"),
            ([1], [[-0.1, 1.0]], [1], r"between 0 and 1. Received: -0.1"),
            ([1], [[0.5, np.nan]], [1], "between 0 and 1. Received: nan"),
        ],
    )
    def test_refuses_what_does_not_fit(self, users, rows, lengths, message):
        with pytest.raises(ValueError, match=message):
            Actions(np.array(users), np.array(rows), np.array(lengths))


class TestMetrics:
    def test_hand_worked(self):
        quarter = -0.25 * math.log2(0.25) - 0.75 * math.log2(0.75)
        assert action_metrics(HARD) == pytest.approx(
            {
                "actions/mean": 7 / 16,
                "actions/variance": (0 + 3 / 16 + 1 / 4 + 0) / 4,
                "actions/entropy": (0 + quarter + 1 + 0) / 4,
                "actions/distinct": 3.0,
            }
        )

    def test_soft(self):
        soft = _actions([[0.2, 0.5], [0.4, 0.5], [0.6, 0.49]])
        got = action_metrics(soft)
        assert got["actions/mean"] == pytest.approx((0.4 + 1.49 / 3) / 2)
        first, second = np.var([0.2, 0.4, 0.6]), np.var([0.5, 0.5, 0.49])
        assert got["actions/variance"] == pytest.approx(
            (first + second) / 2, rel=1e-5
        )
        # 01, 01, 10
        assert got["actions/distinct"] == 2.0

    def test_order_of_users_and_blocks_is_nothing(self):
        rows = np.random.default_rng(0).random((50, 9))
        shuffled = rows[::-1, [3, 0, 8, 1, 2, 4, 7, 5, 6]]
        assert action_metrics(_actions(shuffled)) == pytest.approx(
            action_metrics(_actions(rows))
        )

    def test_rows_that_differ_in_the_last_block_alone_are_distinct(self):
        rows = np.zeros((3, 17))
        rows[1, -1] = rows[2, 8] = 1
        assert action_metrics(_actions(rows))["actions/distinct"] == 3.0

    def test_refuses_nobody(self):
        with pytest.raises(InputError, match="no user.*--split_fractions"):
            action_metrics(_actions(np.zeros((0, 4))))


class TestCollapse:
    def test_names_the_pattern_and_what_to_try(self):
        warning = str(collapse_warning(_actions([[0, 0, 1, 1]] * 5)))
        assert "all 5 test users get the actions 0011 " in warning
        for advice in (
            "temperature",
            "learning rate",
            "policy_start_epoch",
            "gamma",
        ):
            assert advice in warning

    def test_soft_actions_collapse_before_they_are_equal(self):
        warning = str(collapse_warning(_actions([[0.25, 0.9], [0.259, 0.9]])))
        assert "the actions 0.25 0.90 " in warning

    @pytest.mark.parametrize(
        "rows",
        [
            [[0, 0], [0, 0], [0, 1]],
            [[0.25, 0.9], [0.27, 0.9]],
            [[0, 1]],  # one user alone says nothing
            np.zeros((0, 2)),
        ],
    )
    def test_is_silent(self, rows):
        assert collapse_warning(_actions(rows)) is None


class TestFile:
    def test_round_trip(self, tmp_path):
        path = tmp_path / "actions.npz"
        wide = Actions(
            HARD.users.astype(np.int64),
            HARD.actions.astype(np.float64) * 0.5,
            HARD.history_length.astype(np.int64),
        )
        wide.save(path)
        assert [file.name for file in tmp_path.iterdir()] == ["actions.npz"]
        back = Actions.load(path)
        assert {name: value.dtype for name, value in vars(back).items()} == {
            "users": "int32",
            "actions": "float32",
            "history_length": "int32",
        }
        for name, value in vars(wide).items():
            np.testing.assert_array_equal(getattr(back, name), value)

    def test_a_missing_file(self, tmp_path):
        with pytest.raises(InputError, match="no file of actions at"):
            Actions.load(tmp_path / "actions.npz")

    @pytest.mark.parametrize("keep", [0.0, 0.5, 0.95])
    def test_a_damaged_file(self, tmp_path, keep):
        path = tmp_path / "actions.npz"
        HARD.save(path)
        whole = path.read_bytes()
        path.write_bytes(whole[: int(keep * len(whole))])
        with pytest.raises(InputError, match="is no file of actions"):
            Actions.load(path)

    @pytest.mark.parametrize(
        ("changes", "found"),
        [
            ({"actions": None}, "'actions"),
            ({"users": np.zeros(3, np.int32)}, r"equally long, found .*\(3,\)"),
            ({"actions": np.full((4, 4), 2.0)}, "Received: 2.0"),
            ({"actions": np.full((4, 4), "a")}, "could not convert"),
        ],
    )
    def test_another_file(self, tmp_path, changes, found):
        path = tmp_path / "actions.npz"
        arrays = dataclasses.asdict(HARD) | changes
        np.savez(
            path,
            **{
                key: array for key, array in arrays.items() if array is not None
            },
        )
        with pytest.raises(
            InputError, match=f"actions.npz.*{found}.*train the run again"
        ):
            Actions.load(path)
