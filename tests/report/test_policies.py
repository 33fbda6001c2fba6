"""Figures of policies: what stands in their cells and lines."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from matplotlib import colors, pyplot

from tfxdr.errors import InputError
from tfxdr.evaluation.actions import Actions
from tfxdr.report import policies

FROZEN, TUNED = "#1f4e9e", "#6cc47a"


def _actions(rows, lengths):
    rows = np.asarray(rows, np.float32)
    return Actions(
        np.arange(len(rows), dtype=np.int32), rows, np.asarray(lengths)
    )


def _many(num_users=300, num_blocks=4, seed=0):
    draws = np.random.default_rng(seed)
    return _actions(
        draws.random((num_users, num_blocks)) < 0.4,
        draws.integers(1, 60, num_users),
    )


def _labels(axis):
    return [label.get_text() for label in axis.get_ticklabels()]


def _numbers(axes):
    """Text of the cells by (row, block)."""
    return {
        (round(text.get_position()[1]), round(text.get_position()[0])): (
            text.get_text()
        )
        for text in axes.texts
    }


def _lines(axes):
    return {line.get_label(): line for line in axes.lines}


def _cell_colours(axes):
    (image,) = axes.images
    return [
        [colors.to_hex(cell) for cell in row]
        for row in image.cmap(image.norm(image.get_array()))
    ]


class TestHeatmap:
    def test_a_row_per_policy_and_blank_cells(self):
        figure = policies.utilization_heatmap(
            {"gumbel": np.array([0.0, 0.25, 1.0]), "soft": np.array([0.5])}
        )
        axes, bar = figure.axes
        (image,) = axes.images
        table = image.get_array()
        assert table.filled(-1).tolist() == [[0, 0.25, 1], [0.5, -1, -1]]
        assert image.get_clim() == (0.0, 1.0)
        assert _labels(axes.yaxis) == ["gumbel", "soft"]
        assert _labels(axes.xaxis) == ["1", "2", "3"]
        assert axes.get_xlabel() == "residual block"
        assert _numbers(axes) == {
            (0, 0): "0.00",
            (0, 1): "0.25",
            (0, 2): "1.00",
            (1, 0): "0.50",
        }
        assert bar.get_xlim() == (0.0, 1.0)
        assert bar.get_xlabel() == "rate of tuned blocks"
        assert _cell_colours(axes)[1][1] == "#ffffff"

    def test_the_scale_does_not_follow_the_rates(self):
        narrow = policies.utilization_heatmap({"a": np.array([0.4, 0.5])})
        wide = policies.utilization_heatmap({"a": np.array([0.0, 0.5, 1.0])})
        assert (
            _cell_colours(narrow.axes[0])[0][1]
            == _cell_colours(wide.axes[0])[0][1]
        )

    def test_numbers_are_readable_on_every_cell(self):
        rates = np.linspace(0, 1, 41)
        axes = policies.utilization_heatmap({"a": rates}).axes[0]

        def luminance(colour):
            channels = np.array(colors.to_rgb(colour))
            linear = np.where(
                channels <= 0.04045,
                channels / 12.92,
                ((channels + 0.055) / 1.055) ** 2.4,
            )
            return linear @ [0.2126, 0.7152, 0.0722]

        for text, cell in zip(axes.texts, _cell_colours(axes)[0], strict=True):
            pair = sorted([luminance(text.get_color()), luminance(cell)])
            assert (pair[1] + 0.05) / (pair[0] + 0.05) > 3.5

    @pytest.mark.parametrize(("num_rows", "num_blocks"), [(1, 8), (12, 32)])
    def test_labels_and_numbers_keep_clear_of_each_other(
        self, num_rows, num_blocks
    ):
        name = "backbone(channels=64,dilations=[1,2,4,8]) of data set number "
        figure = policies.utilization_heatmap(
            {f"{name}{i}": np.full(num_blocks, 0.88) for i in range(num_rows)}
        )
        figure.draw_without_rendering()
        axes = figure.axes[0]
        labels = [text.get_window_extent() for text in axes.get_yticklabels()]
        cells = [text.get_window_extent() for text in axes.texts[:num_blocks]]
        for spans in (
            sorted((box.y0, box.y1) for box in labels),
            sorted((box.x0, box.x1) for box in cells),
        ):
            for (_, end), (start, _) in itertools.pairwise(spans):
                assert end < start

    @pytest.mark.parametrize(
        ("rates", "message"),
        [
            ({}, "no rates to draw"),
            ({"a": [0.5], "b": [1.5]}, "^b: expected a rate between 0 and 1"),
            ({"a": [np.nan]}, "^a: expected a rate"),
            ({"a": []}, "^a: expected a rate"),
            ({"a": [[0.5]]}, "^a: expected a rate"),
        ],
    )
    def test_refuses(self, rates, message):
        with pytest.raises(InputError, match=message):
            policies.utilization_heatmap(rates)


class TestByLength:
    def test_hand_worked(self):
        actions = _actions(
            [[0, 0], [0, 1], [1, 1], [1, 1], [0, 1]], [3, 1, 9, 9, 2]
        )
        (axes,) = policies.utilization_by_length(actions, num_bins=2).axes
        # The median is 3: lengths 1 and 2 below, 3, 9 and 9 from there.
        assert _labels(axes.xaxis) == ["1–2\n(2)", "3–9\n(3)"]
        lines = _lines(axes)
        np.testing.assert_allclose(lines["block 1"].get_ydata(), [0, 2 / 3])
        np.testing.assert_allclose(lines["block 2"].get_ydata(), [1, 2 / 3])
        np.testing.assert_allclose(
            lines["mean of all users"].get_ydata(), [0.6, 0.6]
        )
        (bold,) = axes.containers
        assert bold.get_label() == "all blocks"
        np.testing.assert_allclose(bold.lines[0].get_ydata(), [1 / 2, 2 / 3])
        assert bold.lines[0].get_linewidth() > lines["block 1"].get_linewidth()

    def test_interval(self):
        values = np.array([0.2, 0.4, 0.6, 0.4])
        (axes,) = policies.utilization_by_length(
            _actions(values[:, np.newaxis], [5] * 4)
        ).axes
        (((_, low), (_, high)),) = _intervals(axes)
        margin = 1.96 * np.sqrt((0.04 + 0 + 0.04 + 0) / 3 / 4)
        np.testing.assert_allclose(
            [low, high], [0.4 - margin, 0.4 + margin], rtol=1e-4
        )

    def test_interval_stays_inside_and_one_user_has_none(self):
        (axes,) = policies.utilization_by_length(
            _actions([[1.0], [0.9], [1.0], [0.5]], [1, 1, 1, 2])
        ).axes
        first, second = _intervals(axes)
        (_, low), (_, high) = first
        assert high == pytest.approx(1.0)
        assert low < 0.95  # the mean is 0.97
        assert not np.isfinite(second).any()

    def test_actions_may_be_off_by_a_rounding(self):
        rows = np.float32([[1 + 2e-7, -2e-7]])
        for block in (0, 1):
            policies.utilization_by_length(
                _actions(rows[[0, 0, 0]][:, [block]], [1, 2, 2])
            )
        figure = policies.utilization_heatmap({"a": _actions(rows, [1]).rates})
        assert _numbers(figure.axes[0]) == {(0, 0): "1.00", (0, 1): "0.00"}

    def test_every_user_is_counted_once(self):
        actions = _many()
        (axes,) = policies.utilization_by_length(actions).axes
        labels = [text.split("\n") for text in _labels(axes.xaxis)]
        counts = [int(count.strip("()")) for _, count in labels]
        spans = [[int(end) for end in span.split("–")] for span, _ in labels]
        assert sum(counts) == 300 and len(counts) == 8
        assert min(counts) > 20  # of 37.5
        for span, count in zip(spans, counts, strict=True):
            inside = (actions.history_length >= span[0]) & (
                actions.history_length <= span[-1]
            )
            assert inside.sum() == count
        means = axes.containers[0].lines[0].get_ydata()
        assert np.average(means, weights=counts) == pytest.approx(
            actions.actions.mean()
        )

    @pytest.mark.parametrize(
        ("lengths", "labels"),
        [
            ([30] * 6, ["30\n(6)"]),
            # Histories that were cut at 50 stay a group of their own.
            ([10, 20, 50, 50, 50, 50], ["10\n(1)", "20\n(1)", "50\n(4)"]),
            ([1, 1, 1, 1, 7, 9], ["1\n(4)", "7\n(1)", "9\n(1)"]),
        ],
    )
    def test_equal_lengths_stay_together(self, lengths, labels):
        actions = _actions(np.eye(6), lengths)
        (axes,) = policies.utilization_by_length(actions).axes
        assert _labels(axes.xaxis) == labels

    def test_refuses(self):
        with pytest.raises(InputError, match="no user"):
            policies.utilization_by_length(_actions(np.zeros((0, 2)), []))
        with pytest.raises(ValueError, match="num_bins.*Received: 0"):
            policies.utilization_by_length(_many(), num_bins=0)


def _intervals(axes):
    """Both ends, (x, y) each, by group; nothing where there is none."""
    (container,) = axes.containers
    (bars,) = container.lines[2]
    return bars.get_segments()


class TestChooseUsers:
    def test_percentiles(self):
        lengths = np.random.default_rng(1).permutation(101)
        actions = _actions(np.zeros((101, 2)), lengths)
        chosen = policies.choose_users(actions)
        assert lengths[chosen].tolist() == [10, 50, 90]
        assert lengths[policies.choose_users(actions, 1)].tolist() == [50]
        assert lengths[policies.choose_users(actions, 5)].tolist() == [
            10,
            30,
            50,
            70,
            90,
        ]

    def test_takes_the_nearest(self):
        # Places 0.9, 4.5 and 8.1 of ten.
        actions = _actions(np.zeros((10, 2)), np.arange(10))
        assert policies.choose_users(actions) == [1, 5, 8]

    def test_does_not_depend_on_the_order(self):
        actions = _many()
        shuffle = np.random.default_rng(2).permutation(len(actions))
        other = Actions(
            actions.users[shuffle],
            actions.actions[shuffle],
            actions.history_length[shuffle],
        )
        assert (
            actions.users[policies.choose_users(actions)].tolist()
            == other.users[policies.choose_users(other)].tolist()
        )

    @pytest.mark.parametrize("num_users", range(7))
    @pytest.mark.parametrize("count", range(1, 7))
    def test_are_different_users(self, num_users, count):
        actions = _actions(np.zeros((num_users, 2)), np.full(num_users, 9))
        chosen = policies.choose_users(actions, count)
        assert len(set(chosen)) == len(chosen) == min(count, num_users)
        assert chosen == sorted(chosen)

    def test_refuses_none(self):
        with pytest.raises(ValueError, match="Received: 0"):
            policies.choose_users(_many(), 0)


class TestUserChoices:
    NAMES = ("u00007", "u00008", "u00009")

    def test_hard(self):
        actions = _actions([[0, 1, 1], [0, 0, 1], [1, 1, 1]], [20, 10, 50])
        figure = policies.user_choices(actions, self.NAMES)
        (axes,) = figure.axes
        assert _labels(axes.yaxis) == [
            "user u00008 (history 10)",
            "user u00007 (history 20)",
            "user u00009 (history 50)",
        ]
        assert _cell_colours(axes) == [
            [FROZEN, FROZEN, TUNED],
            [FROZEN, TUNED, TUNED],
            [TUNED, TUNED, TUNED],
        ]
        assert not axes.texts
        (legend,) = figure.legends
        assert {
            text.get_text(): colors.to_hex(patch.get_facecolor())
            for text, patch in zip(
                legend.get_texts(), legend.get_patches(), strict=True
            )
        } == {"frozen": FROZEN, "tuned": TUNED}

    def test_soft(self):
        actions = _actions([[0.25, 0.5], [0, 1], [1, 0]], [20, 10, 50])
        figure = policies.user_choices(actions, self.NAMES, chosen=[0])
        axes, bar = figure.axes
        assert _numbers(axes) == {(0, 0): "0.25", (0, 1): "0.50"}
        ((quarter, half),) = _cell_colours(axes)
        assert len({quarter, half, FROZEN, TUNED}) == 4
        assert bar.get_xlabel() == "action: 0 is frozen, 1 is tuned"
        assert not figure.legends

    def test_refuses(self):
        with pytest.raises(ValueError, match="300 users. Received: 3 names"):
            policies.user_choices(_many(), self.NAMES)
        with pytest.raises(InputError, match="no test user"):
            policies.user_choices(_actions(np.zeros((0, 2)), []), [])


def test_draws_without_pyplot():
    figure = policies.utilization_heatmap({"a": np.array([0.5])})
    assert type(figure.canvas).__module__ == "matplotlib.backends.backend_agg"
    assert not pyplot.get_fignums()


class TestDecisionsByGroup:
    RATES = {
        "new": {"should be": np.ones(3), "soft": np.array([0.9, 1.0, 0.2])},
        "old": {"should be": np.zeros(3), "soft": np.array([0.1, 0.0, 0.3])},
    }

    def test_axes_per_group_and_cells(self):
        figure = policies.decisions_by_group(self.RATES)
        panels = [axes for axes in figure.axes if axes.get_title()]
        assert [axes.get_title() for axes in panels] == ["new", "old"]
        texts = [[text.get_text() for text in axes.texts] for axes in panels]
        assert texts[0] == ["1.00"] * 3 + ["0.90", "1.00", "0.20"]
        assert texts[1] == ["0.00"] * 3 + ["0.10", "0.00", "0.30"]
        labels = [label.get_text() for label in panels[0].get_yticklabels()]
        assert labels == ["should be", "soft"]

    def test_nobody(self):
        with pytest.raises(InputError, match="no group of users"):
            policies.decisions_by_group({})

    def test_a_rate_outside(self):
        with pytest.raises(InputError, match="between 0 and 1"):
            policies.decisions_by_group({"new": {"soft": np.array([1.5])}})
