"""Figure and table of behavior weights: rows, bars, and what is refused."""

from __future__ import annotations

import io

import numpy as np
import pytest
from matplotlib import colors, pyplot

from tfxdr.errors import InputError
from tfxdr.report.behaviors import (
    Behavior,
    print_behaviors,
    weight_histogram,
)


def _rows(figure):
    """What stands beside each row, by its name."""
    return {axes.get_ylabel(): axes.texts[0].get_text() for axes in figure.axes}


def _bars(axes):
    """Heights and edges of a row."""
    (patch,) = axes.patches
    return patch.get_data().values, patch.get_data().edges


def _lines(axes):
    return {line.get_label(): line.get_xdata()[0] for line in axes.lines}


class TestHistogram:
    def test_groups_by_label(self):
        relative = np.array([0.5, 0.7, 4.0, 2.0, 3.0])
        figure = weight_histogram(
            relative, np.array(["War", "War", "Drama", "Drama", "Drama"])
        )
        assert _rows(figure) == {
            "Drama": "mean 3.00\n3 behaviors",
            "War": "mean 0.60\n2 behaviors",
        }
        drama, war = figure.axes
        assert _lines(drama)["mean of the group"] == pytest.approx(3.0)
        assert _lines(war)["mean of the group"] == pytest.approx(0.6)
        assert _lines(war)["average behavior"] == 1.0
        assert war.get_xscale() == drama.get_xscale() == "log"
        (legend,) = figure.legends
        assert [text.get_text() for text in legend.get_texts()] == [
            "average behavior",
            "mean of the group",
        ]

    def test_bars_are_shares_of_the_group_at_their_weights(self):
        relative = np.array([0.5, 0.5, 0.5, 2.0, 9.0])
        figure = weight_histogram(relative, np.array([1, 1, 1, 1, 0]))
        heights, edges = _bars(figure.axes[1])
        ratio = edges[1:] / edges[:-1]
        np.testing.assert_allclose(ratio, ratio[0])
        for weight, share in ((0.5, 0.75), (2.0, 0.25)):
            bar = np.searchsorted(edges, weight, side="right") - 1
            assert heights[bar] == share
        assert heights.sum() == pytest.approx(1.0)

    @pytest.mark.parametrize("scale", [1e-3, 1.0])
    def test_every_behavior_is_in_a_bar(self, scale):
        """Also the lightest and heaviest, and those of a weight of 0."""
        draws = np.random.default_rng(0)
        relative = np.exp(draws.normal(size=500) * 3) * scale
        relative[0] = 0.0
        figure = weight_histogram(relative, draws.integers(0, 3, 500))
        for axes in figure.axes:
            assert _bars(axes)[0].sum() == pytest.approx(1.0)
        assert figure.axes[-1].get_xlabel().endswith("0.0001 in the first bar")

    def test_equal_weights_fill_the_middle_bar(self):
        figure = weight_histogram(np.ones(30), np.zeros(30, int))
        heights, edges = _bars(figure.axes[0])
        (bar,) = np.flatnonzero(heights)
        assert edges[bar] < 0.99 and edges[bar + 1] > 1.01
        assert edges[0] < 0.5 and edges[-1] > 2.0

    def test_small_groups_are_put_together(self):
        labels = np.repeat(np.arange(11), np.arange(1, 12))
        relative = 1.0 + labels  # the larger groups have the higher means
        figure = weight_histogram(relative, labels)
        assert list(_rows(figure)) == [
            *map(str, range(10, 2, -1)),
            "other",
        ]
        assert _rows(figure)["other"] == "mean 2.33\n6 behaviors"
        rest, first = figure.axes[-1], figure.axes[0]
        for axes, expected in ((rest, "#999999"), (first, "#0072b2")):
            colour = axes.patches[0].get_facecolor()
            assert colors.to_hex(colour) == expected

    def test_groups_by_mask(self):
        relative = np.array([0.25, 1.0, 1.5, 1.25])
        planted = np.array([False, False, True, True])
        both = weight_histogram(relative, {"no": ~planted, "yes": planted})
        assert list(_rows(both)) == ["yes", "no"]
        one = weight_histogram(
            relative, {"yes": planted, "never": np.zeros(4, bool)}
        )
        assert _rows(one) == {
            "yes": "mean 1.38\n2 behaviors",
            "other": "mean 0.62\n2 behaviors",
        }

    def test_draws_and_leaves_pyplot_alone(self):
        figure = weight_histogram(
            np.array([0.5, 1.5]), np.array(["$x_1^", "a" * 90])
        )
        figure.savefig(io.BytesIO(), format="png")
        assert not pyplot.get_fignums()

    @pytest.mark.parametrize(
        ("relative", "groups", "error", "message"),
        [
            ([], [], InputError, "no behavior whose weight"),
            ([1.0, -1.0], [0, 0], ValueError, "at least 0"),
            ([1.0, np.nan], [0, 0], ValueError, "finite"),
            ([[1.0]], [[0]], ValueError, r"\[behaviors\]"),
            ([1.0, 1.0], [0], ValueError, r"groups .*\(2,\). Received: \(1,\)"),
            ([1.0], {"a": [True, False]}, ValueError, r"a should .*\(2,\)"),
        ],
    )
    def test_refuses(self, relative, groups, error, message):
        if isinstance(groups, list):
            groups = np.array(groups)
        with pytest.raises(error, match=message):
            weight_histogram(np.array(relative), groups)


class TestTable:
    MOST = (
        Behavior("m12", 2.306, "Drama", "Heat (1995)"),
        Behavior("m1", 1.2, "War", "[The] Alamo"),
    )

    @staticmethod
    def _text(most, least):
        file = io.StringIO()
        print_behaviors(most, least, file)
        return [line.rstrip() for line in file.getvalue().splitlines()]

    def test_lines(self):
        found = self._text(self.MOST, [Behavior("m7", 0.0123)])
        assert found == [
            " useful  weight  item  category  title",
            " most     2.306  m12   Drama     Heat (1995)",
            "          1.200  m1    War       [The] Alamo",
            " least    0.012  m7",
        ]

    def test_without_categories_and_titles(self):
        found = self._text([Behavior("m12", 2.0)], [])
        assert found == [" useful  weight  item", " most     2.000  m12"]
