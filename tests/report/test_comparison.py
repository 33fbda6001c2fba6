"""A comparison in all forms that it is written in."""

import csv
import io

import numpy as np
import pytest
import rich.console

from tfxdr.errors import InputError
from tfxdr.evaluation.comparison import Method, judge
from tfxdr.report.comparison import (
    notes,
    print_comparison,
    to_csv,
    to_latex,
    to_markdown,
    write_comparison,
)

USERS = np.repeat(np.arange(100), 2)
NAMES = ("all", "soft_1|x", "gumbel & co")


def method(name, share, deviation=None):
    values = (np.random.default_rng(1).random(200) < share).astype(float)
    deviations = {} if deviation is None else {"hr@5": deviation}
    metrics = {"hr@5": share}
    return Method(name, [0], ["runs/x"], metrics, deviations, {"hr@5": values})


def found(baseline=""):
    methods = [
        method(NAMES[0], 0.2, 0.01),
        method(NAMES[1], 0.21),
        method(NAMES[2], 0.9, 0.02),
    ]
    return judge(methods, ["hr@5"], baseline, USERS)


@pytest.mark.parametrize("name", ["c.md", "c.csv", "c.tex"])
def test_a_file_that_cannot_be_written(read_only, name):
    with pytest.raises(InputError, match=rf"{name} cannot .* by --output$"):
        write_comparison(found(), read_only / name)
    assert not list(read_only.iterdir())


def printed(*, baseline="", width=200, terminal=False):
    text = io.StringIO()
    console = rich.console.Console(
        file=text, width=width, force_terminal=terminal, no_color=True
    )
    print_comparison(found(baseline), console)
    return text.getvalue()


def test_the_best_and_who_is_level_are_marked():
    text = printed()
    assert "0.9000 \u00b1 0.0200*" in text and "0.2000 \u00b1 0.0100 " in text
    assert "Best by HR@5: gumbel & co, alone." in text
    assert "200 test instances of 100 users" in text
    assert "over the 3 tests" in text
    assert "metrics are means over seeds" in text


def test_a_baseline_marks_who_is_better():
    text = printed(baseline="all")
    assert "0.9000 \u00b1 0.0200+" in text
    assert "0.2100 " in text
    worse = printed(baseline=NAMES[2])
    assert "0.2000 \u00b1 0.0100-" in worse and "0.2100-" in worse


def test_a_narrow_terminal_loses_no_digit():
    text = printed(width=60, terminal=True)
    assert "\u2026" not in text
    for value in ("0.9000", "0.2100", "0.0200"):
        assert value in text


def test_markdown():
    lines = to_markdown(found()).splitlines()
    assert lines[0] == "| method | seeds | HR@5 |"
    assert lines[3] == "| soft_1\\|x | 1 | 0.2100 |"
    assert lines[4] == "| gumbel & co | 1 | **0.9000 \u00b1 0.0200** |"
    assert sum(line.endswith("| better |") for line in lines) == 2
    assert sum(line.endswith("| level |") for line in lines) == 1


def test_csv_has_every_number():
    rows = list(csv.DictReader(io.StringIO(to_csv(found()))))
    assert [row["against"] for row in rows[:3]] == ["", "", ""]
    pair = rows[-1]
    assert (pair["method"], pair["against"]) == (NAMES[2], NAMES[1])
    assert float(pair["low"]) < float(pair["value"]) < float(pair["high"])
    assert float(pair["p"]) <= float(pair["p_holm"]) <= 1


def test_latex_escapes_names():
    text = to_latex(found())
    assert "\\textbf{0.9000 $\\pm$ 0.0200}" in text
    assert "gumbel \\& co" in text and "soft\\_1|x" in text
    assert text.count("\\toprule") == 2
    against = to_latex(found("all"))
    assert "0.9000 $\\pm$ 0.0200$^{\\uparrow}$" in against
    assert against.count("\\toprule") == 1
    assert text.count("{") == text.count("}")


def test_one_method_is_compared_with_nothing():
    one = judge([method("all", 0.2)], ["hr@5"], "", USERS)
    assert one.pairs == []
    assert "nothing to compare it with" in notes(one)[-1]
    assert "metrics with one seed each" in notes(one)[0]


@pytest.mark.parametrize("write", [to_markdown, to_csv, to_latex])
def test_one_method_is_written_all_the_same(write):
    one = judge([method("all", 0.2)], ["hr@5"], "", USERS)
    assert "all" in write(one) and "0.2" in write(one)
