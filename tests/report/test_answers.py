"""Answers as they are printed: whole, and meaning nothing but themselves."""

import dataclasses
import io

import pytest

from tfxdr.report.columns import aligned
from tfxdr.report.recommendations import print_recommendations
from tfxdr.start_up import printable


@dataclasses.dataclass
class Item:
    item: str
    score: float
    title: str = ""


def printed(items, actions=None):
    file = io.StringIO()
    print_recommendations(items, actions, file)
    return file.getvalue().splitlines()


def test_lines():
    items = [Item("t1", 12.5, "Heat"), Item("t22", -1.0)]
    assert printed(items, {"a": 1.0, "b": 0.0}) == [
        " rank  item   score  title",
        "    1  t1    12.500  Heat",
        "    2  t22   -1.000",
        "tuned blocks: 1 of 2 (a)",
    ]


@pytest.mark.parametrize("columns", ["20", "40"])
def test_long_ids_are_whole_on_a_narrow_terminal(monkeypatch, columns):
    monkeypatch.setenv("COLUMNS", columns)
    raw = "x" * 200
    assert raw in printed([Item(raw, 1.0, "y" * 200)])[1].split()


@pytest.mark.parametrize(
    "raw", [":smile:", "[bold]x[/bold]", "[/x]", "\\[x]", "a  b", "{x}", "東京"]
)
def test_ids_mean_nothing_but_themselves(raw):
    line = printed([Item(raw, 1.0, raw)])[1]
    assert line.count(raw) == 2


def test_wide_letters_keep_columns_in_line():
    text = aligned(["a", "b"], [["東京", "x"], ["abcd", "y"]])
    assert text == " a     b\n 東京  x\n abcd  y"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\x1b[31mb", "a\\x1b[31mb"),
        ("a\r\n\tb", "a\\r\\n\\tb"),
        ("\x00\x7f\x9b", "\\x00\\x7f\\x9b"),
        ("\u2028\u202e", "\\u2028\\u202e"),
        ("\udce9", "\\udce9"),
        ("é 東京 \u200d \xa0 👍", "é 東京 \u200d \xa0 👍"),
    ],
)
def test_control_characters_are_shown(text, shown):
    assert printable(text) == shown
    assert printed([Item(text, 1.0)])[1] == f"    1  {shown:<4}  1.000"


def test_line_breaks_of_a_message_stay():
    assert printable("a\nb\r", keep="\n") == "a\nb\\r"
