"""Tables: what is marked, what fits, what is written."""

from __future__ import annotations

import csv
import io
import math

import pytest
import rich.console

from tfxdr import registry
from tfxdr.report import table

ROWS = [
    table.Row("popularity", {"hr@5": 0.057, "mrr@5": 0.0281}, 0.04),
    table.Row("last-1", {"hr@5": 0.0712, "mrr@5": 0.03661}, 61.0, 3 << 29),
    table.Row("all", {"hr@5": 0.0712, "mrr@5": 0.03664}, 7300.0, 3 << 30),
]


def _terminal(rows, width):
    file = io.StringIO()
    console = rich.console.Console(
        file=file,
        force_terminal=True,
        width=width,
        color_system="standard",
        _environ={},
    )
    table.print_table(rows, console=console)
    return file.getvalue()


def test_plain_text():
    assert table.to_text(ROWS, title="test, [full]").splitlines() == [
        "test, [full]",
        "+---------------------------------------------------+",
        "| policy     |    HR@5 |   MRR@5 |  time |   memory |",
        "|------------+---------+---------+-------+----------|",
        "| popularity |  0.0570 |  0.0281 | 0.04s |        - |",
        "| last-1     | 0.0712* | 0.0366* | 1m01s | 1.50 GiB |",
        "| all        | 0.0712* | 0.0366* | 2h02m | 3.00 GiB |",
        "+---------------------------------------------------+",
    ]


def test_a_terminal_gets_bold_and_a_file_gets_no_escape_codes():
    assert "\x1b[1;32m" in _terminal(ROWS, 80)
    assert "*" not in _terminal(ROWS, 80)
    assert "\x1b" not in table.to_text(ROWS)


WIDE = {f"ndcg@{n}/uni99": n / 1000 + 1e-4 for n in range(10, 30)}


def _plain(text):
    return rich.text.Text.from_ansi(text).plain


def test_a_file_holds_the_widest_table_whole():
    rows = [table.Row("a", WIDE), table.Row("b" * 30, WIDE)]
    text = table.to_text(rows)
    for value in WIDE.values():
        assert text.count(f"{value:.4f}") == 2
    lines = text.splitlines()
    assert len({len(line) for line in lines}) == 1
    assert sum("b" * 30 in line for line in lines) == 1


@pytest.mark.parametrize("width", [40, 60, 80, 200])
def test_a_terminal_gets_what_it_has_room_for(width):
    rows = [table.Row("a", WIDE), table.Row("gumbel", WIDE)]
    *lines, note = _plain(_terminal(rows, width)).splitlines()
    assert max(map(len, lines)) <= width
    shown = [f"{value:.4f}" for value in WIDE.values()]
    there = [any(value in line for line in lines) for value in shown]
    assert there == sorted(there, reverse=True)  # the first ones
    assert 0 < sum(there) < len(there)
    assert note.startswith("no room for NDCG@")
    assert note.count("NDCG@") == len(there) - sum(there)


def test_a_name_too_long_for_the_terminal_is_folded():
    text = _plain(
        _terminal([table.Row("x" * 70, {"auc": 0.5, "hr@5": 0.25})], 40)
    )
    *lines, _ = text.splitlines()
    assert max(map(len, lines)) <= 40
    assert text.count("x") == 70
    assert "0.5000" in text


def test_long_names_are_spelt_out_below():
    long = "gumbel(temperature=5.0,squash_logits=true)"
    names = [
        "all",
        long,
        "soft(x=1)",
        long.replace("5", "6"),
        "mix(y='" + "z" * 40,
    ]
    lines = table.to_text(
        [table.Row(name, {"hr@5": 0.1}) for name in names]
    ).splitlines()
    labels = [line.split("|")[1].strip() for line in lines if "0.1000" in line]
    assert labels == [
        "all",
        "gumbel(..) 1",
        "soft(x=1)",
        "gumbel(..) 2",
        "mix(..)",
    ]
    assert lines[-3:] == [
        f"gumbel(..) 1 = {names[1]}",
        f"gumbel(..) 2 = {names[3]}",
        f"mix(..) = {names[4]}",
    ]


def test_names_mean_nothing_but_themselves():
    rows = [table.Row(":smile:[b]", {"hr@5": 0.1}), table.Row("\x1b[2J", {})]
    text = table.to_text(rows, title=":smile: [b]")
    assert text.count(":smile:") == text.count("[b]") == 2
    assert "\x1b" not in text
    assert "\\x1b[2J" in text


def test_columns_say_how_was_ranked():
    rows = [table.Row("all", {"hr@5": 0.1, "hr@5/uni99": 0.5, "auc": 0.7})]
    lines = table.to_text(rows).splitlines()
    assert lines[1].replace(" ", "") == "||HR@5|HR@5||"
    assert lines[2].replace(" ", "") == "|policy|full|uni99|AUC|"
    assert "HR@5 full | HR@5 uni99 | AUC" in table.to_markdown(rows)


def test_chooses_columns_and_marks_what_is_missing():
    rows = [table.Row("a", {"hr@5": 0.1}), table.Row("b", {"mrr@5": math.nan})]
    assert table.to_markdown(rows, metrics=["mrr@5"], name_title="run") == (
        "| run | MRR@5 |\n| --- | ---: |\n| a | - |\n| b | nan |\n"
    )
    assert "**" not in table.to_markdown(rows)  # nobody to beat


def test_markdown_marks_the_best_and_escapes_names():
    rows = [*ROWS, table.Row("a|b", {"hr@5": 0.01})]
    lines = table.to_markdown(rows).splitlines()
    assert lines[0] == "| policy | HR@5 | MRR@5 | time | memory |"
    assert lines[4] == "| all | **0.0712** | **0.0366** | 2h02m | 3.00 GiB |"
    assert lines[5] == "| a\\|b | 0.0100 | - | - | - |"


def test_less_loss_is_better():
    rows = [table.Row(str(x), {"log_loss": x, "auc": x}) for x in (0.5, 0.6)]
    assert table.to_markdown(rows).splitlines()[2:] == [
        "| 0.5 | **0.5000** | 0.5000 |",
        "| 0.6 | 0.6000 | **0.6000** |",
    ]


def test_a_class_metric_says_whether_less_is_better(registries):
    def brier(num_classes):
        """Takes what a metric takes."""

    brier.lower_is_better = True
    registry.class_metrics.register("brier", brier)
    names = ("hamming-loss", "top-error(k=3)", "brier", "kappa")
    rows = [table.Row(str(x), dict.fromkeys(names, x)) for x in (0.5, 0.6)]
    assert table.to_markdown(rows).splitlines()[2:] == [
        "| 0.5 | **0.5000** | **0.5000** | **0.5000** | 0.5000 |",
        "| 0.6 | 0.6000 | 0.6000 | 0.6000 | **0.6000** |",
    ]


def test_csv_keeps_every_digit():
    read = list(csv.DictReader(io.StringIO(table.to_csv(ROWS))))
    assert [row["policy"] for row in read] == ["popularity", "last-1", "all"]
    assert [float(row["mrr@5"]) for row in read] == [0.0281, 0.03661, 0.03664]
    assert read[0]["peak_bytes"] == ""
    assert read[2]["seconds"] == "7300.0"


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.004, "0.00s"),
        (9.99, "9.99s"),
        (9.999, "10.0s"),
        (59.96, "1m00s"),
        (3599.6, "1h00m"),
        (7384.0, "2h03m"),
    ],
)
def test_seconds(seconds, text):
    assert table.format_seconds(seconds) == text


def test_no_rows():
    assert "policy" in table.to_text([])
    assert table.to_csv([]) == "policy,seconds,peak_bytes\n"
