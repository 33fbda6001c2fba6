"""Results side by side: on a terminal, as plain text, Markdown and CSV."""

from __future__ import annotations

import collections
import csv
import dataclasses
import html
import io
import math
from collections.abc import Mapping, Sequence
from typing import IO

import rich.box
import rich.console
import rich.table
import rich.text

from tfxdr.registry.metric_names import falls, parse
from tfxdr.report.columns import markdown
from tfxdr.start_up import printable

_LONGEST = 24  # characters of a name; longer ones are spelt out below
_ANY_WIDTH = 10_000  # where nobody reads on a screen
_SPELLED = {"auc": "AUC", "log_loss": "Log loss", "macro_f1": "Macro F1"}
_PADDING = 3  # of a column: a space on either side, and its border


@dataclasses.dataclass(frozen=True)
class Row:
    """One method's results.

    Attributes:
      name: what the row is called.
      metrics: values by key, such as `hr@5` or `mrr@5/uni99`.
      seconds: wall time, if known.
      peak_bytes: largest resident memory, if known.
      deviations: of the metrics over seeds, if there are several.
    """

    name: str
    metrics: Mapping[str, float]
    seconds: float | None = None
    peak_bytes: int | None = None
    deviations: Mapping[str, float] = dataclasses.field(default_factory=dict)

    def cell(self, key: str) -> str:
        """A metric as it is shown."""
        value, deviation = self.metrics.get(key), self.deviations.get(key)
        if value is None:
            return "-"
        return with_deviation(value, deviation)


def with_deviation(value: float, deviation: float | None) -> str:
    """A metric, and how far it moves over seeds where that is known."""
    text = f"{value:.4f}"
    return text if deviation is None else f"{text} \u00b1 {deviation:.4f}"


@dataclasses.dataclass(frozen=True)
class _Column:
    title: str  # two lines where the metric was sampled
    cells: list[str]
    best: frozenset[int] = frozenset()

    @property
    def width(self) -> int:
        lines = [*self.title.split("\n"), *self.cells]
        return max(map(len, lines)) + bool(self.best) + _PADDING


def print_table(
    rows: Sequence[Row],
    *,
    metrics: Sequence[str] | None = None,
    title: str | None = None,
    name_title: str = "policy",
    console: rich.console.Console | None = None,
) -> None:
    """Prints one line per row, the best of each metric marked.

    On a terminal the best is bold, and what is too wide for it is left out
    and named below, the last columns first; elsewhere the best carries a `*`,
    the text holds no escape codes, and lines are as long as they need be.
    Names that are long stand below, by a label.

    Args:
      rows: the results, in the order to be shown.
      metrics: the metrics to show; all, by default, in order of appearance.
      title: stands above the table.
      name_title: heads the column of names.
      console: where to; standard output by default.
    """
    console = console or rich.console.Console(force_jupyter=False)
    plain = not console.is_terminal
    if plain:
        console = plain_console(console.file)
    labels = _labels([row.name for row in rows])
    names = _Column(name_title, labels)
    name_width = min(names.width, console.width * 2 // 3)
    columns = _columns(rows, metrics)
    shown = _that_fit(columns, console.width - name_width - 1)
    table = _rich_table(names, name_width, shown, plain=plain)
    below = []
    for label, row in zip(labels, rows, strict=True):
        if label != printable(row.name):
            below.append(f"{label} = {printable(row.name)}")
    if len(shown) < len(columns):
        left = [c.title.replace("\n", " ") for c in columns[len(shown) :]]
        below.append(
            f"no room for {', '.join(left)}: widen the terminal, or write the "
            "output to a file"
        )
    for part in (title and _text(title), table, *map(_text, below)):
        if part:
            console.print(part, crop=False, soft_wrap=True)


def plain_console(file: IO[str]) -> rich.console.Console:
    """Writes text alone, in lines as long as they need be."""
    return rich.console.Console(
        file=file,
        width=_ANY_WIDTH,
        force_terminal=False,
        force_jupyter=False,  # There rich would display it, not write it.
    )


def _text(text: str, style: str = "") -> rich.text.Text:
    """Means nothing but itself: no markup, no emoji."""
    return rich.text.Text(text, style=style)


def _labels(names: Sequence[str]) -> list[str]:
    """Short names: without the options of a component where they are long."""
    short = [
        printable(name)
        if len(printable(name)) <= _LONGEST or "(" not in name
        else name.partition("(")[0] + "(..)"
        for name in names
    ]
    times = collections.Counter(short)
    seen: collections.Counter[str] = collections.Counter()
    labels = []
    for name, label in zip(names, short, strict=True):
        if times[label] > 1 and label != printable(name):
            seen[label] += 1
            label += f" {seen[label]}"
        labels.append(label)
    return labels


def to_text(
    rows: Sequence[Row],
    *,
    metrics: Sequence[str] | None = None,
    title: str | None = None,
    name_title: str = "policy",
) -> str:
    """What `print_table` writes where there is no terminal."""
    text = io.StringIO()
    print_table(
        rows,
        metrics=metrics,
        title=title,
        name_title=name_title,
        console=plain_console(text),
    )
    return text.getvalue()


def to_markdown(
    rows: Sequence[Row],
    *,
    metrics: Sequence[str] | None = None,
    name_title: str = "policy",
) -> str:
    """A Markdown table, the best of each metric in bold."""
    columns = _columns(rows, metrics)
    titles = [column.title.replace("\n", " ") for column in columns]
    lines = []
    for index, row in enumerate(rows):
        cells = [
            f"**{column.cells[index]}**"
            if index in column.best
            else column.cells[index]
            for column in columns
        ]
        lines.append([row.name.replace("|", "\\|"), *cells])
    return markdown([name_title, *titles], lines)


def to_csv(
    rows: Sequence[Row],
    *,
    metrics: Sequence[str] | None = None,
    name_title: str = "policy",
) -> str:
    """Comma-separated values, unrounded, headed by the metrics' keys.

    Where there are several seeds, their deviations follow, `hr@5 deviation`.
    """
    keys = _metric_keys(rows, metrics)
    several = [key for key in keys if any(key in r.deviations for r in rows)]
    deviations = [f"{key} deviation" for key in several]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow([name_title, *keys, *deviations, "seconds", "peak_bytes"])
    for row in rows:
        values = [row.metrics.get(key) for key in keys]
        values += [row.deviations.get(key) for key in several]
        writer.writerow([row.name, *values, row.seconds, row.peak_bytes])
    return text.getvalue()


def to_html(
    rows: Sequence[Row],
    *,
    metrics: Sequence[str] | None = None,
    title: str | None = None,
    name_title: str = "policy",
) -> str:
    """A table for a notebook, the best of each metric in bold."""
    columns = _columns(rows, metrics)
    titles = [name_title, *(column.title for column in columns)]
    head = "".join(f"<th>{html.escape(text)}</th>" for text in titles)
    lines = [f"<tr>{head}</tr>"]
    for index, row in enumerate(rows):
        cells = [f"<td>{html.escape(row.name)}</td>"]
        for column in columns:
            tag = "b" if index in column.best else "span"
            cells.append(f"<td><{tag}>{column.cells[index]}</{tag}></td>")
        lines.append(f"<tr>{''.join(cells)}</tr>")
    caption = (
        f"<caption>{html.escape(title.strip())}</caption>" if title else ""
    )
    return f"<table>{caption}{''.join(lines)}</table>"


def format_seconds(seconds: float) -> str:
    """`0.42s`, `12.3s`, `3m05s` or `2h04m`."""
    if seconds < 9.995:
        return f"{seconds:.2f}s"
    if seconds < 59.95:
        return f"{seconds:.1f}s"
    if seconds < 3599.5:
        return "{}m{:02d}s".format(*divmod(round(seconds), 60))
    return "{}h{:02d}m".format(*divmod(round(seconds / 60), 60))


def _rich_table(
    names: _Column, name_width: int, columns: Sequence[_Column], *, plain: bool
) -> rich.table.Table:
    box = rich.box.ASCII if plain else rich.box.SIMPLE_HEAD
    table = rich.table.Table(box=box, header_style="bold")
    # Without a least width rich would squeeze: an ellipsis eats digits.
    room = name_width - _PADDING
    table.add_column(
        _text(names.title), min_width=room, max_width=room, overflow="fold"
    )
    for column in columns:
        table.add_column(
            _text(column.title),
            justify="right",
            min_width=column.width - _PADDING,
            no_wrap=True,
        )
    for index, name in enumerate(names.cells):
        cells = [_marked(column, index, plain=plain) for column in columns]
        table.add_row(_text(name), *cells)
    return table


def _marked(column: _Column, index: int, *, plain: bool) -> rich.text.Text:
    cell = column.cells[index]
    best = index in column.best
    if plain:
        # The blank keeps the digits of a column in line.
        mark = ("*" if best else " ") if column.best else ""
        return _text(cell + mark)
    return _text(cell, "bold green" if best else "")


def _columns(
    rows: Sequence[Row], metrics: Sequence[str] | None
) -> list[_Column]:
    columns = []
    keys = _metric_keys(rows, metrics)
    mixed = any(parse(key).sampling for key in keys)
    for key in keys:
        values = [row.metrics.get(key) for row in rows]
        cells = [row.cell(key) for row in rows]
        title = metric_title(key, "\n")
        if mixed and parse(key).cutoff and not parse(key).sampling:
            title += "\nfull"
        columns.append(_Column(title, cells, _best(key, values, cells)))
    if any(row.seconds is not None for row in rows):
        cells = [
            "-" if row.seconds is None else format_seconds(row.seconds)
            for row in rows
        ]
        columns.append(_Column("time", cells))
    if any(row.peak_bytes is not None for row in rows):
        cells = [
            "-"
            if row.peak_bytes is None
            else f"{row.peak_bytes / 2**30:.2f} GiB"
            for row in rows
        ]
        columns.append(_Column("memory", cells))
    return columns


def _metric_keys(
    rows: Sequence[Row], metrics: Sequence[str] | None
) -> list[str]:
    if metrics is not None:
        return list(metrics)
    return list(dict.fromkeys(key for row in rows for key in row.metrics))


def metric_title(key: str, separator: str = " ") -> str:
    """`mrr@5/uni99` is called `MRR@5 uni99`, `auc` `AUC`."""
    metric, cutoff, sampling = parse(key)
    if not cutoff:
        return _SPELLED.get(metric, metric.replace("_", " "))
    sampling = separator + sampling if sampling else ""
    return f"{metric.upper()}@{cutoff}{sampling}"


def _best(
    key: str, values: Sequence[float | None], cells: Sequence[str]
) -> frozenset[int]:
    """Rows that show the best value; equal as shown is equal."""
    known = [
        (value, index)
        for index, value in enumerate(values)
        if value is not None and math.isfinite(value)
    ]
    if len(known) < 2:
        return frozenset()
    _, winner = (min if falls(key) else max)(known)
    shown = [cell.partition(" ")[0] for cell in cells]  # without a deviation
    return frozenset(i for _, i in known if shown[i] == shown[winner])


def _that_fit(columns: Sequence[_Column], width: int) -> list[_Column]:
    """The first columns that fit side by side, one at least."""
    used = 0
    for count, column in enumerate(columns):
        used += column.width
        if used > width and count:
            return list(columns[:count])
    return list(columns)
