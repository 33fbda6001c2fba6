"""A comparison of methods on a terminal, in Markdown, CSV and LaTeX."""

from __future__ import annotations

import csv
import html
import io
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import rich.box
import rich.console
import rich.table
import rich.text

from tfxdr.evaluation.comparison import LEVEL, Method, Pair, Verdicts
from tfxdr.files import write_text
from tfxdr.report.columns import markdown
from tfxdr.report.table import metric_title, plain_console, with_deviation
from tfxdr.report.writers import writer_for
from tfxdr.start_up import printable

_PAIR_TITLES = (
    *("method", "against", "metric", "difference", "95% interval"),
    *("p", "p (Holm)", "effect", "verdict"),
)
_WORDS = {1: "better", 0: "level", -1: "worse"}
_MARKS = {1: "+", 0: "", -1: "-"}
_LATEX_MARKS = {1: r"$^{\uparrow}$", 0: "", -1: r"$^{\downarrow}$"}
# What LaTeX reads as something else in a text.
_LATEX = str.maketrans(
    {
        **{character: f"\\{character}" for character in "&%$#_{}"},
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
        "\\": r"\textbackslash{}",
        "<": r"\textless{}",
        ">": r"\textgreater{}",
        "-": "{-}",
    }
)


def print_comparison(
    found: Verdicts, console: rich.console.Console | None = None
) -> None:
    """Prints the table of methods, that of pairs, and what they mean.

    Args:
      found: the comparison.
      console: where to; standard output by default.
    """
    console = console or rich.console.Console(force_jupyter=False)
    if not console.is_terminal:  # lines are as long as they need be
        console = plain_console(console.file)
    plain = not console.is_terminal
    titles, rows = method_table(found)
    console.print(_table(titles, rows, plain=plain, left=1))
    if found.pairs:
        console.print(_table(*pair_table(found), plain=plain, left=3))
    for line in notes(found):
        console.print(rich.text.Text(line), soft_wrap=True)


def to_text(found: Verdicts) -> str:
    """What `print_comparison` writes where there is no terminal."""
    text = io.StringIO()
    console = plain_console(text)
    print_comparison(found, console)
    return text.getvalue()


def method_table(
    found: Verdicts, best: str = "*"
) -> tuple[list[str], list[list[str]]]:
    """Titles and cells: each method with its metrics, marked.

    Args:
      found: the comparison.
      best: stands behind the best and what is level with it, `**` around it.
    """
    titles = ["method", "seeds", *map(metric_title, found.metrics)]
    lines = _method_cells(found, best, _MARKS)
    return titles, [[method.name, *cells] for method, cells in lines]


def pair_table(found: Verdicts) -> tuple[list[str], list[list[str]]]:
    """Titles and cells: each pair of methods by each metric."""
    return [*_PAIR_TITLES], [_pair_cells(pair) for pair in found.pairs]


def notes(found: Verdicts) -> list[str]:
    """What a reader has to know of the numbers, and which methods are level."""
    told = "with one seed each; how far a seed moves them is not known"
    if any(method.deviations for method in found.methods):
        told = "are means over seeds with their standard deviation"
    lines = [
        *found.remarks,
        f"{found.instances:,} test instances of {found.users:,} users; metrics "
        f"{told}.",
    ]
    if not found.pairs:
        return [*lines, "One method: there is nothing to compare it with."]
    lines.append(
        "Differences are of the same instances, intervals by a bootstrap over "
        "users, p by flipping signs of users, corrected by Holm over the "
        f"{len(found.pairs)} tests; better and worse are below {LEVEL}; the "
        "effect is the mean of users' differences in their deviations."
    )
    if found.baseline:
        lines.append(
            f"+ and - in the table: better and worse than {found.baseline}."
        )
        return lines
    lines.append("* in the table: the best, and those that it does not beat.")
    for metric in found.metrics:
        best, *others = found.level_with_best(metric)
        told = f"level with {', '.join(others)}" if others else "alone"
        lines.append(f"Best by {metric_title(metric)}: {best}, {told}.")
    return lines


def to_markdown(found: Verdicts) -> str:
    """Two tables, with what they mean below."""
    titles, rows = method_table(found, "**")
    rows = [[_bar(name), *cells] for name, *cells in rows]
    text = markdown(titles, rows)
    if found.pairs:
        cells = [list(map(_bar, _pair_cells(pair))) for pair in found.pairs]
        text += "\n" + markdown(_PAIR_TITLES, cells, left=3)
    return text + "".join(f"\n{line}\n" for line in notes(found))


def to_html(found: Verdicts) -> str:
    """The tables for a notebook, with what they mean below."""
    tables = [method_table(found)]
    if found.pairs:
        tables.append(pair_table(found))
    lines = [f"<p>{html.escape(line)}</p>" for line in notes(found)]
    return "".join([*(_html_table(*table) for table in tables), *lines])


def to_csv(found: Verdicts) -> str:
    """One tidy table, unrounded: a line for each method or pair and metric.

    `value` is a mean over seeds; of a pair it is the difference.
    """
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(
        ["method", "against", "metric", "seeds", "value", "deviation"]
        + ["low", "high", "p", "p_holm", "effect"]
    )
    for method in found.methods:
        for metric in found.metrics:
            value = [method.metrics[metric], method.deviations.get(metric)]
            seeds = len(method.seeds)
            writer.writerow([method.name, "", metric, seeds, *value])
    for pair in found.pairs:
        one = pair.difference
        writer.writerow(
            [pair.left, pair.right, pair.metric, "", one.mean, ""]
            + [one.low, one.high, one.p, pair.corrected, one.effect]
        )
    return text.getvalue()


def to_latex(found: Verdicts) -> str:
    """Tables by booktabs, to be set by `\\input` in a paper."""
    titles = ["method", *map(metric_title, found.metrics)]
    rows = [
        [_latex(method.name), *cells[1:]]
        for method, cells in _method_cells(found, r"\textbf", _LATEX_MARKS)
    ]
    parts = [_latex_table(titles, rows, left=1)]
    if found.pairs and not found.baseline:
        cells = [list(map(_latex, _pair_cells(pair))) for pair in found.pairs]
        parts.append(_latex_table(_PAIR_TITLES, cells, left=3))
    comments = [f"% {line}\n" for line in notes(found)]
    return "".join(["% needs \\usepackage{booktabs}\n", *comments, *parts])


WRITERS: Mapping[str, Callable[[Verdicts], str]] = {
    ".md": to_markdown,
    ".csv": to_csv,
    ".tex": to_latex,
}


def write_comparison(found: Verdicts, path: Path) -> None:
    """Writes it as the file's suffix says: `.md`, `.csv` or `.tex`.

    Raises:
      InputError: the suffix is another one, or the place cannot be written.
    """
    write_text(path, writer_for(path, WRITERS)(found), "--output")


def _method_cells(
    found: Verdicts, best: str, marks: Mapping[int, str]
) -> list[tuple[Method, list[str]]]:
    """Each method's number of seeds, and its metrics with their marks.

    Args:
      found: the comparison.
      best: how the best and those that are level with it are marked.
      marks: of what is better or worse than the baseline.
    """
    level = {
        metric: found.level_with_best(metric) if found.pairs else []
        for metric in found.metrics
    }
    lines = []
    for method in found.methods:
        cells = [str(len(method.seeds))]
        for metric in found.metrics:
            text = with_deviation(
                method.metrics[metric], method.deviations.get(metric)
            )
            if found.baseline:
                pair = found.pair(method.name, found.baseline, metric)
                text += marks[_sign(pair)] if pair else ""
            elif method.name in level[metric]:
                text = _emphasized(text, best)
            cells.append(text)
        lines.append((method, cells))
    return lines


def _emphasized(text: str, mark: str) -> str:
    if mark.startswith("\\"):
        return f"{mark}{{{text}}}"
    return f"{text}{mark}" if mark == "*" else f"{mark}{text}{mark}"


def _sign(pair: Pair) -> int:
    if not pair.is_real:
        return 0
    return 1 if pair.difference.mean > 0 else -1


def _pair_cells(pair: Pair) -> list[str]:
    one = pair.difference
    return [
        pair.left,
        pair.right,
        metric_title(pair.metric),
        f"{one.mean:+.4f}",
        f"{one.low:+.4f} to {one.high:+.4f}",
        f"{one.p:.4f}",
        f"{pair.corrected:.4f}",
        f"{one.effect:+.2f}",
        _WORDS[_sign(pair)],
    ]


def _table(
    titles: Sequence[str],
    rows: Sequence[Sequence[str]],
    *,
    plain: bool,
    left: int,
) -> rich.table.Table:
    box = rich.box.ASCII if plain else rich.box.SIMPLE_HEAD
    table = rich.table.Table(box=box, header_style="bold")
    for place, title in enumerate(titles):
        table.add_column(
            rich.text.Text(title),
            justify="left" if place < left else "right",
            overflow="fold",
        )
    for row in rows:
        table.add_row(*(rich.text.Text(printable(cell)) for cell in row))
    return table


def _html_table(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [_html_row("th", titles), *(_html_row("td", row) for row in rows)]
    return f"<table>{''.join(lines)}</table>"


def _html_row(tag: str, cells: Sequence[str]) -> str:
    shown = (f"<{tag}>{html.escape(printable(x))}</{tag}>" for x in cells)
    return f"<tr>{''.join(shown)}</tr>"


def _bar(text: str) -> str:
    return text.replace("|", "\\|")


def _latex_table(
    titles: Sequence[str], rows: Sequence[Sequence[str]], left: int
) -> str:
    columns = "l" * left + "r" * (len(titles) - left)
    heads = map(_latex, titles)
    body = "".join(
        f"{' & '.join(row)} \\\\\n".replace("\u00b1", r"$\pm$") for row in rows
    )
    return (
        f"\\begin{{tabular}}{{{columns}}}\n\\toprule\n"
        f"{' & '.join(heads)} \\\\\n\\midrule\n{body}\\bottomrule\n"
        "\\end{tabular}\n"
    )


def _latex(text: str) -> str:
    return text.translate(_LATEX)
