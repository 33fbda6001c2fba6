"""Figures of a run, drawn without a display and without global state."""

from __future__ import annotations

import tfxdr.report.drawing  # noqa: F401  # matplotlib, before what follows

# isort: split
import dataclasses
import io
import math
import os
import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from tfxdr.errors import InputError
from tfxdr.files import file_aside
from tfxdr.registry.metric_names import falls, parse
from tfxdr.report.table import metric_title

# Of Okabe and Ito: told apart by everyone, and in print.
_TRAINING, _VALIDATION, _KEPT = "#0072B2", "#D55E00", "#555555"
DOTS_PER_INCH = 150  # of a file
_LOSSES = ("loss", "validation_loss")  # what the left axes show


@dataclasses.dataclass(frozen=True)
class _Curve:
    epochs: list[float]
    values: list[float]


def learning_curves(
    history: Sequence[Mapping[str, str | float]],
    *,
    monitors: Mapping[str, str] | None = None,
    title: str | None = None,
) -> Figure:
    """Draws loss and a ranking metric of every stage against the epoch.

    Args:
      history: one mapping per stage and epoch with `stage`, `epoch`, and as
        far as known `loss`, `validation_loss` and validation metrics.
      monitors: what picked the epoch to be kept, by stage, a metric or
        `validation_loss`; where it is not given, the stage's first metric.
      title: stands above the figure.

    Returns:
      One row of axes per stage, the loss on the left, the metric on the
      right; the kept epoch is marked.

    Raises:
      InputError: there is nothing to draw.
    """
    stages = list(dict.fromkeys(str(row["stage"]) for row in history))
    if not stages:
        raise InputError("the history holds no epoch: there is no curve")
    figure = Figure(figsize=(9, 0.5 + 2.9 * len(stages)), layout="constrained")
    FigureCanvasAgg(figure)
    if title:
        figure.suptitle(title)
    grid = figure.subplots(len(stages), 2, squeeze=False)
    for (left, right), stage in zip(grid, stages, strict=True):
        rows = [row for row in history if str(row["stage"]) == stage]
        _draw_stage(left, right, rows, stage, (monitors or {}).get(stage))
    return figure


def save_figure(figure: Figure, path: str | os.PathLike[str]) -> None:
    """Writes a PNG that appears under `path` only when complete.

    Raises:
      InputError: the place cannot be written, or the disk is full.
    """
    with file_aside(Path(path)) as file:
        draw_png(figure, file, DOTS_PER_INCH)


def draw_png(figure: Figure, file: IO[bytes], dots_per_inch: int) -> None:
    """Draws a figure; letters that its font lacks are boxes, silently."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Glyph .* missing from")
        figure.savefig(file, format="png", dpi=dots_per_inch)


def as_png(figure: Figure) -> bytes:
    """What a notebook shows."""
    png = io.BytesIO()
    figure.savefig(png, format="png", dpi=100)
    return png.getvalue()


def _curve(rows: Sequence[Mapping[str, str | float]], key: str) -> _Curve:
    points = [
        (float(row["epoch"]), float(row[key]))
        for row in rows
        if key in row and math.isfinite(float(row[key]))
    ]
    return _Curve([x for x, _ in points], [y for _, y in points])


def _first_metric(rows: Sequence[Mapping[str, str | float]]) -> str | None:
    """A metric has a cutoff or is an AUC; the smallest cutoff goes first."""
    keys = {key for row in rows for key in row}
    keys = {key for key in keys if parse(key).cutoff or key == "auc"}
    return min(keys, key=lambda key: (len(key), key), default=None)


def _draw_stage(
    left: Axes,
    right: Axes,
    rows: Sequence[Mapping[str, str | float]],
    stage: str,
    monitor: str | None,
) -> None:
    metric = _first_metric(rows)
    if monitor is None:
        monitor = metric
    elif monitor not in _LOSSES:
        metric = monitor
    labels = ("training", _TRAINING), ("validation", _VALIDATION)
    for key, (label, color) in zip(_LOSSES, labels, strict=True):
        _draw_line(left, _curve(rows, key), label, color)
    if metric:
        _draw_line(right, _curve(rows, metric), "validation", _VALIDATION)
    for axes, what in ((left, "loss"), (right, metric)):
        if axes.lines and what:
            label = metric_title(what)
            _dress(axes, f"{stage}: {label}", label)
        else:
            axes.set_axis_off()
    if monitor:
        _mark_kept(left, right, _curve(rows, monitor), monitor)
    for axes in (left, right):
        if axes.lines:
            axes.legend(edgecolor="none", framealpha=0.9, fontsize=9)


def _mark_kept(left: Axes, right: Axes, curve: _Curve, monitor: str) -> None:
    """A line through both axes, and a ring around what decided."""
    if not curve.values:
        return
    value = (min if falls(monitor) else max)(curve.values)
    epoch = curve.epochs[curve.values.index(value)]
    for axes in (left, right):
        if axes.lines:
            axes.axvline(epoch, color=_KEPT, lw=1, ls=":", zorder=0)
    (left if monitor in _LOSSES else right).plot(
        epoch,
        value,
        "o",
        ms=9,
        mfc="none",
        mec=_KEPT,
        label=f"kept: {value:.4f} at epoch {epoch:g}",
    )


def _draw_line(axes: Axes, curve: _Curve, label: str, color: str) -> None:
    if curve.values:
        (line,) = axes.plot(curve.epochs, curve.values, "o-", color=color)
        line.set(label=label, markersize=3.5, linewidth=1.5)


def _dress(axes: Axes, title: str, label: str) -> None:
    axes.set_title(title, fontsize=10)
    axes.set_xlabel("epoch")
    axes.set_ylabel(label)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)
