"""What behavior weights look like: in a figure, and for one user."""

from __future__ import annotations

import tfxdr.report.drawing  # noqa: F401  # matplotlib, before what follows

# isort: split
import dataclasses
import textwrap
from collections.abc import Mapping, Sequence
from typing import IO

import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from tfxdr.errors import InputError
from tfxdr.evaluation import equal_weights
from tfxdr.report.columns import aligned
from tfxdr.start_up import printable

# Of Okabe and Ito, as in the other figures; rows need no colours of their own.
_GROUP, _MEAN, _REST, _AVERAGE = "#0072B2", "#D55E00", "#999999", "#555555"
_MOST_GROUPS = 8
_NUM_BARS = 49  # odd, so that equal weights fill a bar around 1
_LEAST_REACH = 0.32  # decades on both sides of 1: from 0.5 to 2, ticks and all
_LABEL_WIDTH = 28  # characters of a group's name before it is folded
# Lighter behaviors count as nothing; some can be as light as 1e-300.
_LIGHTEST = 1e-4


@dataclasses.dataclass(frozen=True)
class Behavior:
    """A line of `print_behaviors`.

    Attributes:
      item: as the data call it.
      weight: relative; 1 is the average behavior.
      category: of the item, if known.
      title: of the item, if known.
    """

    item: str
    weight: float
    category: str = ""
    title: str = ""


def weight_histogram(
    relative: np.ndarray, groups: Mapping[str, np.ndarray] | np.ndarray
) -> Figure:
    """Draws how the weights of behaviors are distributed, group by group.

    Args:
      relative: `[behaviors]` weights, 1 is the average; all positive, or 0
        where one is too light for a number.
      groups: `[behaviors]` what each belongs to, such as the category of its
        item; or `[behaviors]` bool masks by name.

    Returns:
      A row of bars for each of the 8 largest groups, the one with the highest
      mean first, and a last one, `other`, for the behaviors in none of these.
      Bars are shares of the group, each row on a scale of its own. Beside a
      row stand the number of its behaviors and their mean weight.

    Raises:
      InputError: there is no behavior.
      ValueError: a weight is negative or not finite, or a group's shape is
        not that of the weights.
    """
    relative = np.asarray(relative, np.float64)
    if (
        relative.ndim != 1
        or not (np.isfinite(relative) & (relative >= 0)).all()
    ):
        raise ValueError(
            "relative should hold finite weights [behaviors] of at least 0. "
            f"Received: {relative}"
        )
    if not relative.size:
        raise InputError("there is no behavior whose weight could be drawn")
    rows = _rows(relative, groups)
    edges = _edges(relative)
    figure = Figure(
        figsize=(7.5, 1.1 + 0.58 * len(rows)),
        layout=ConstrainedLayoutEngine(hspace=0.0, h_pad=0.02),
    )
    FigureCanvasAgg(figure)
    grid = figure.subplots(len(rows), 1, sharex=True, squeeze=False)[:, 0]
    for axes, (name, weights, colour) in zip(grid, rows, strict=True):
        _draw_row(axes, name, weights, edges, colour)
    notes = []
    if (relative < _LIGHTEST).any():
        notes.append(f"below {_LIGHTEST:g} in the first bar")
    notes.append(equal_weights(relative))
    _dress_axis(grid[-1], edges, [note for note in notes if note])
    handles, labels = grid[0].get_legend_handles_labels()
    figure.legend(
        handles, labels, loc="outside upper center", ncols=2, frameon=False
    )
    return figure


def print_behaviors(
    most: Sequence[Behavior],
    least: Sequence[Behavior],
    file: IO[str] | None = None,
) -> None:
    """Prints a user's most and least useful source behaviors.

    Args:
      most: the most useful ones, the best first.
      least: the least useful ones, the worst first.
      file: where to; standard output by default.
    """
    both = [*most, *least]
    known = [
        name
        for name in ("category", "title")
        if any(getattr(behavior, name) for behavior in both)
    ]
    rows = [
        [
            "" if place else label,
            f"{behavior.weight:.3f}",
            behavior.item,
            *(getattr(behavior, name) for name in known),
        ]
        for label, behaviors in (("most", most), ("least", least))
        for place, behavior in enumerate(behaviors)
    ]
    titles = ["useful", "weight", "item", *known]
    print(aligned(titles, rows, right=("weight",)), file=file)
    note = equal_weights(np.array([behavior.weight for behavior in both]))
    if note:
        print(f"note: {note}", file=file)


def _rows(
    relative: np.ndarray, groups: Mapping[str, np.ndarray] | np.ndarray
) -> list[tuple[str, np.ndarray, str]]:
    """Name, weights and colour of each row of the figure."""
    masks = _masks(relative.shape, groups)
    counts = {name: int(mask.sum()) for name, mask in masks.items()}
    largest = sorted(
        (name for name in masks if counts[name]), key=lambda name: -counts[name]
    )[:_MOST_GROUPS]
    rows = [(name, relative[masks[name]], _GROUP) for name in largest]
    rows.sort(key=lambda row: -row[1].mean())
    rest = np.ones(relative.shape, bool)
    for name in largest:
        rest &= ~masks[name]
    if rest.any():
        rows.append(("other", relative[rest], _REST))
    return rows


def _masks(
    shape: tuple[int, ...], groups: Mapping[str, np.ndarray] | np.ndarray
) -> dict[str, np.ndarray]:
    if isinstance(groups, Mapping):
        masks = {name: np.asarray(m, bool) for name, m in groups.items()}
        shapes = {name: mask.shape for name, mask in masks.items()}
    else:
        labels = np.asarray(groups)
        shapes = {"groups": labels.shape}
        masks = {}
        if labels.shape == shape:
            names, place = np.unique(labels, return_inverse=True)
            masks = {str(n): place == i for i, n in enumerate(names)}
    for name, found in shapes.items():
        if found != shape:
            raise ValueError(
                f"{name} should have the weights' shape {shape}. "
                f"Received: {found}"
            )
    return masks


def _edges(relative: np.ndarray) -> np.ndarray:
    """Of the bars, `[bars + 1]`, evenly apart in the logarithm."""
    low, high = np.log10(
        np.maximum([relative.min(), relative.max()], _LIGHTEST)
    )
    low, high = min(low, -_LEAST_REACH), max(high, _LEAST_REACH)
    return np.logspace(low, high, _NUM_BARS + 1)


def _draw_row(
    axes: Axes, name: str, weights: np.ndarray, edges: np.ndarray, colour: str
) -> None:
    # Rounding must not push the lightest and the heaviest out of the bars.
    inside = np.clip(weights, edges[0], edges[-1])
    counts, _ = np.histogram(inside, edges)
    axes.stairs(
        counts / len(weights), edges, fill=True, color=colour, alpha=0.8
    )
    axes.axvline(1.0, color=_AVERAGE, lw=1, ls=":", label="average behavior")
    mean = float(np.clip(weights.mean(), edges[0], edges[-1]))
    axes.axvline(mean, color=_MEAN, lw=2, label="mean of the group")
    axes.set_ylabel(
        textwrap.fill(printable(name), _LABEL_WIDTH),
        parse_math=False,
        rotation=0,
        ha="right",
        va="center",
    )
    axes.text(
        1.02,
        0.5,
        f"mean {weights.mean():.2f}\n{len(weights):,} "
        + ("behavior" if len(weights) == 1 else "behaviors"),
        transform=axes.transAxes,
        va="center",
        fontsize=8,
    )
    axes.set_yticks([])
    axes.tick_params(bottom=False, which="both")
    axes.spines[["top", "right", "left"]].set_visible(False)


def _dress_axis(axes: Axes, edges: np.ndarray, notes: Sequence[str]) -> None:
    axes.set_xscale("log")
    axes.set_xlim(edges[0], edges[-1])
    decades = np.log10(edges[-1] / edges[0])
    subs = (1.0, 2.0, 5.0) if decades < 3 else (1.0,)
    axes.xaxis.set_major_locator(LogLocator(subs=subs))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.tick_params(bottom=True)
    label = "relative weight (1 is the average behavior)"
    axes.set_xlabel("; ".join([label, *notes]))
