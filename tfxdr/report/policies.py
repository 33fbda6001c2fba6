"""Figures of what a policy chose: by block, by history length, by user."""

from __future__ import annotations

import tfxdr.report.drawing  # noqa: F401  # matplotlib, before what follows

# isort: split
import textwrap
from collections.abc import Mapping, Sequence

import matplotlib
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Colormap, LinearSegmentedColormap, Normalize
from matplotlib.figure import Figure
from matplotlib.patches import Patch

from tfxdr.errors import InputError
from tfxdr.evaluation.actions import Actions
from tfxdr.start_up import printable

FROZEN, TUNED = "#1F4E9E", "#6CC47A"  # apart also for who sees no colours
CHOICE = LinearSegmentedColormap.from_list("choice", [FROZEN, TUNED])
# Blue to yellow as in the paper, and even in lightness.
_RATE = matplotlib.colormaps["cividis"].with_extremes(bad="white")
_DEPTH = matplotlib.colormaps["viridis"]
_UNIT = Normalize(0.0, 1.0)
_LABEL_WIDTH = 44  # characters of a row's label before it is folded
# Luminance below which text is white; WCAG says 0.18, hard to read in between.
_DARK = 0.22
_Z_95 = 1.959964  # of a normal distribution, two-sided 95 %
_LEGEND_ROWS = 16


def utilization_heatmap(rates: Mapping[str, np.ndarray]) -> Figure:
    """Draws how often each block runs tuned (UAF, Fig. 3).

    Args:
      rates: `[blocks]` in [0, 1] by run or data set, the bottom block first;
        `Actions.rates`. Numbers of blocks may differ.

    Returns:
      One row per entry, one column per block, the rate in each cell. Colours
      mean the same in all figures.

    Raises:
      InputError: there is nothing to draw, or a rate lies outside [0, 1].
    """
    rows = [_checked_rates(label, row) for label, row in rates.items()]
    if not rows:
        raise InputError("there is no policy: there are no rates to draw")
    table = np.full((len(rows), max(map(len, rows))), np.nan)
    for cells, row in zip(table, rows, strict=True):
        cells[: len(row)] = row
    figure, axes = _cells_figure(table, list(rates), _RATE, numbers=True)
    _colour_bar(figure, axes, _RATE, "rate of tuned blocks")
    return figure


def utilization_by_length(actions: Actions, num_bins: int = 8) -> Figure:
    """Draws how much is tuned against the length of the history.

    Args:
      actions: of all test users.
      num_bins: at most how many groups of about as many users each; equal
        lengths are never torn apart.

    Returns:
      Axes with a bold line for the mean over all blocks, with 95 % intervals
      of the mean over users (normal; none for a single user), and a thin one
      for each block. Below a group stand its lengths and its users.

    Raises:
      InputError: there is not one user.
      ValueError: `num_bins` is below 1.
    """
    overall = actions.rates.mean()  # refuses to draw nobody
    num_groups, group = _groups(actions.history_length, num_bins)
    figure = Figure(
        figsize=(max(6.5, 3.0 + 0.8 * num_groups), 4.4), layout="constrained"
    )
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    _draw_blocks(axes, actions.actions, group)
    line = axes.axhline(overall, color="#777777", lw=1, ls=":", zorder=0)
    line.set_label("mean of all users")
    _draw_mean(axes, actions.actions.mean(axis=1, dtype=np.float64), group)
    spans = [
        _span(actions.history_length[group == i]) for i in range(num_groups)
    ]
    axes.set_xticks(range(num_groups), spans, fontsize=9)
    axes.set(xlim=(-0.5, num_groups - 0.5), ylim=(-0.03, 1.03))
    axes.set(xlabel="history length (users)", ylabel="rate of tuned blocks")
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)
    _explain_lines(axes)
    return figure


def decisions_by_group(
    rates: Mapping[str, Mapping[str, np.ndarray]],
) -> Figure:
    """Draws who is frozen where, beside who should be if that is known.

    Args:
      rates: by group of users, `[blocks]` mean actions by row; all groups
        have the same rows.

    Returns:
      Axes for each group side by side, in each a row per label and a column
      per block, the rate in each cell.

    Raises:
      InputError: there is nothing to draw, or a rate lies outside [0, 1].
    """
    if not rates:
        raise InputError("there is no group of users: there is nothing to draw")
    tables = {
        group: np.stack([_checked_rates(*row) for row in rows.items()])
        for group, rows in rates.items()
    }
    labels = list(next(iter(rates.values())))
    num_rows, num_blocks = next(iter(tables.values())).shape
    figure = Figure(
        figsize=(
            max(5.0, 1.4 + len(tables) * (0.8 + 0.6 * num_blocks)),
            1.6 + 0.42 * num_rows,
        ),
        layout="constrained",
    )
    FigureCanvasAgg(figure)
    all_axes = figure.subplots(1, len(tables), sharey=True, squeeze=False)[0]
    for axes, (group, table) in zip(all_axes, tables.items(), strict=True):
        _draw_cells(axes, table, _RATE)
        _write_numbers(axes, table, _RATE, 9 if num_blocks <= 16 else 8)
        axes.set_title(group, fontsize=10)
    all_axes[0].set_yticks(range(num_rows), labels)
    _colour_bar(figure, all_axes, _RATE, "rate of tuned blocks: 0 is frozen")
    return figure


def choose_users(actions: Actions, count: int = 3) -> list[int]:
    """Picks users from those with short to those with long histories.

    They stand at evenly spaced percentiles of the length, from the 10th to
    the 90th: at the 10th, 50th and 90th for three, at the 50th for one. Equal
    lengths are ordered by the user's row, so the choice is the same for
    actions in any order. Where so few users cannot give so many different
    ones, the percentiles go from 0 to 100; where there are fewer, all do.

    Returns:
      Different positions in `actions`, the shortest history first.

    Raises:
      ValueError: `count` is below 1.
    """
    if count < 1:
        raise ValueError(f"count should be at least 1. Received: {count}")
    order = np.lexsort((actions.users, actions.history_length))
    count, last = min(count, len(order)), len(order) - 1
    steps = max(count - 1, 1)
    lowest = 50 if count == 1 else 10 if 80 * last >= 100 * steps else 0
    # Whole numbers throughout: places a step or more apart stay different.
    places = [
        (last * (lowest * steps + (100 - 2 * lowest) * k) + 50 * steps)
        // (100 * steps)
        for k in range(count)
    ]
    return [int(order[place]) for place in places]


def user_choices(
    actions: Actions,
    users: Sequence[str],
    *,
    chosen: Sequence[int] | None = None,
) -> Figure:
    """Draws what single users run tuned and what frozen (UAF, Fig. 4).

    Args:
      actions: of all test users.
      users: their names, in the same order.
      chosen: positions of those to be drawn; by default a user with a short,
        one with a medium and one with a long history (`choose_users`).

    Returns:
      One row per chosen user, one cell per block; soft actions have their
      number in the cell.

    Raises:
      InputError: there is not one user.
      ValueError: there are not as many names as users.
    """
    if len(users) != len(actions):
        raise ValueError(
            f"users should name each of the {len(actions)} users. Received: "
            f"{len(users)} names"
        )
    chosen = choose_users(actions) if chosen is None else chosen
    if not len(chosen):
        raise InputError("there is no test user whose blocks could be drawn")
    labels = [
        f"user {users[i]} (history {actions.history_length[i]})" for i in chosen
    ]
    cells = np.clip(actions.actions[list(chosen)].astype(np.float64), 0, 1)
    figure, axes = _cells_figure(
        cells, labels, CHOICE, numbers=not actions.is_hard
    )
    if actions.is_hard:
        names = {"frozen": FROZEN, "tuned": TUNED}
        handles = [Patch(color=names[name], label=name) for name in names]
        figure.legend(
            handles=handles, loc="outside lower center", ncols=2, frameon=False
        )
    else:
        _colour_bar(figure, axes, CHOICE, "action: 0 is frozen, 1 is tuned")
    return figure


def _checked_rates(label: str, rates: np.ndarray) -> np.ndarray:
    row = np.asarray(rates, np.float64)
    if row.ndim != 1 or not row.size or not ((row >= 0) & (row <= 1)).all():
        raise InputError(
            f"{label}: expected a rate between 0 and 1 for each block, found "
            f"{rates}"
        )
    return row


def _cells_figure(
    table: np.ndarray, labels: Sequence[str], colours: Colormap, numbers: bool
) -> tuple[Figure, Axes]:
    """A row of cells per label; `[rows, blocks]`, NaN is left blank."""
    folded = [textwrap.fill(printable(x), _LABEL_WIDTH) for x in labels]
    lines = [text.split("\n") for text in folded]
    widest = max(len(line) for row in lines for line in row)
    num_rows, num_blocks = table.shape
    cell = 0.6 if num_blocks <= 16 else 0.45
    figure = Figure(
        figsize=(
            max(4.0, 0.6 + 0.085 * widest + cell * num_blocks),
            1.3 + max(0.45, 0.17 * max(map(len, lines))) * num_rows,
        ),
        layout="constrained",
    )
    FigureCanvasAgg(figure)
    axes = figure.subplots()
    _draw_cells(axes, table, colours)
    axes.set_yticks(range(num_rows), folded, parse_math=False)
    if numbers:
        _write_numbers(axes, table, colours, 9 if num_blocks <= 16 else 8)
    return figure, axes


def _draw_cells(axes: Axes, table: np.ndarray, colours: Colormap) -> None:
    num_rows, num_blocks = table.shape
    axes.imshow(
        np.ma.masked_invalid(table), cmap=colours, norm=_UNIT, aspect="auto"
    )
    axes.set_xticks(range(num_blocks), [str(i + 1) for i in range(num_blocks)])
    axes.set_xlabel("residual block")
    axes.tick_params(length=0)
    axes.spines[:].set_visible(False)
    for edges, line in (
        (np.arange(1, num_blocks) - 0.5, axes.axvline),
        (np.arange(1, num_rows) - 0.5, axes.axhline),
    ):
        for edge in edges:
            line(edge, color="white", lw=2)


def _write_numbers(
    axes: Axes, table: np.ndarray, colours: Colormap, size: int
) -> None:
    for (row, block), value in np.ndenumerate(table):
        if np.isnan(value):
            continue
        axes.text(
            block,
            row,
            f"{value:.2f}",
            ha="center",
            va="center",
            fontsize=size,
            color="white" if _luminance(colours(value)) < _DARK else "black",
        )


def _luminance(colour: Sequence[float]) -> float:
    """Relative luminance of an sRGB colour (WCAG 2), 0 black to 1 white."""
    channels = np.asarray(colour[:3], np.float64)
    linear = np.where(
        channels <= 0.04045,
        channels / 12.92,
        ((channels + 0.055) / 1.055) ** 2.4,
    )
    return float(linear @ [0.2126, 0.7152, 0.0722])


def _colour_bar(
    figure: Figure, axes: Axes | np.ndarray, colours: Colormap, label: str
) -> None:
    """Lies below, so that one row of cells is enough for it."""
    bar = figure.colorbar(
        ScalarMappable(_UNIT, colours),
        ax=axes,
        location="bottom",
        aspect=40,
        pad=0.1 / figure.get_figheight(),
        label=label,
    )
    # matplotlib 3.10 types the outline as several spines, which it is not.
    bar.outline.set_visible(False)  # type: ignore[operator]


def _groups(lengths: np.ndarray, num_bins: int) -> tuple[int, np.ndarray]:
    """Splits at quantiles that are lengths themselves, so no group is empty.

    A length that fills several quantiles gets one group, be it the shortest
    or the one at which histories were cut.

    Returns:
      The number of groups, and `[users]` each user's group.
    """
    if num_bins < 1:
        raise ValueError(f"num_bins should be at least 1. Received: {num_bins}")
    firsts = np.arange(num_bins) * len(lengths) // num_bins
    starts = np.unique(np.sort(lengths)[firsts])
    return len(starts), np.searchsorted(starts, lengths, side="right") - 1


def _span(lengths: np.ndarray) -> str:
    low, high = lengths.min(), lengths.max()
    span = str(low) if low == high else f"{low}–{high}"
    return f"{span}\n({len(lengths)})"


def _draw_blocks(axes: Axes, actions: np.ndarray, group: np.ndarray) -> None:
    """A thin line per block; the darkest is the bottom one."""
    num_blocks = actions.shape[1]
    means = [
        actions[group == i].mean(axis=0, dtype=np.float64)
        for i in range(group.max() + 1)
    ]
    # The last colours of the map are too light for a line on white.
    colours = _DEPTH(np.linspace(0.0, 0.88, num_blocks))
    for block in range(num_blocks):
        axes.plot(
            [mean[block] for mean in means],
            ".-",
            color=colours[block],
            lw=1,
            ms=4,
            label=f"block {block + 1}",
        )


def _draw_mean(axes: Axes, values: np.ndarray, group: np.ndarray) -> None:
    """The mean of `[users]` values in each group, with its interval."""
    parts = [values[group == i] for i in range(group.max() + 1)]
    means = np.clip([part.mean() for part in parts], 0.0, 1.0)
    margins = np.array(
        [
            _Z_95 * part.std(ddof=1) / np.sqrt(len(part))
            if len(part) > 1
            else np.nan
            for part in parts
        ]
    )
    # A rate below 0 or above 1 means nothing.
    below = np.minimum(margins, means)
    above = np.minimum(margins, 1.0 - means)
    axes.errorbar(
        range(len(parts)),
        means,
        yerr=np.stack([below, above]),
        fmt="o-",
        color="black",
        lw=2.5,
        ms=5,
        capsize=4,
        label="all blocks",
        zorder=3,
    )


def _explain_lines(axes: Axes) -> None:
    """A legend on the right: all blocks first, then the top one on top."""
    handles, labels = axes.get_legend_handles_labels()
    axes.legend(
        handles[::-1],
        labels[::-1],
        loc="center left",
        bbox_to_anchor=(1.0, 0.5),
        ncols=-(-len(labels) // _LEGEND_ROWS),
        frameon=False,
        fontsize=8,
    )
