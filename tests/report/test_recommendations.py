"""What a person sees of an answer."""

import dataclasses

import pytest

from tfxdr.report.columns import aligned
from tfxdr.report.recommendations import (
    recommendations_html,
    recommendations_text,
)
from tfxdr.start_up import printable


@dataclasses.dataclass
class One:
    item: str
    score: float
    title: str = ""


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("plain é 汉", "plain é 汉"),
        (":smile: [bold]x[/]", ":smile: [bold]x[/]"),
        ("\x1b[31mred\x1b[0m", r"\x1b[31mred\x1b[0m"),
        ("a\nb\tc\r", r"a\nb\tc\r"),
        ("a\u202eb\u2066", r"a\u202eb\u2066"),
        ("a\u2028b\x9b", r"a\u2028b\x9b"),
        ("a\u00a0b\u200db", "a\u00a0b\u200db"),
    ],
)
def test_a_terminal_is_not_commanded(text, shown):
    assert printable(text) == shown


def test_long_ids_are_whole_and_others_stay_in_line():
    long = "shop:" + "x7" * 60
    text = recommendations_text(
        [One("a", 1.5, "汉字"), One(long, 22.25, "Title"), One("b", 3)]
    )
    assert text.splitlines() == [
        " rank  item   score  title",
        "    1  a      1.500  汉字",
        f"    2  {long}  22.250  Title",
        "    3  b      3.000",
    ]


def test_blocks_follow():
    text = recommendations_text([One("a", 1)], {"block1": 1.0, "block2": 0.0})
    assert text.endswith("\ntuned blocks: 1 of 2 (block1)")


def test_a_notebook_reads_no_markup():
    html = recommendations_html([One("<b>x</b>", 1, "\x1b<i>")], {"b": 0.5})
    assert "&lt;b&gt;x&lt;/b&gt;" in html and "<i>" not in html
    assert r"\x1b&lt;i&gt;" in html and "tuned blocks, from 0 to 1" in html


def test_wide_characters_take_two_cells():
    assert aligned(["汉", "x"], [["abc", "y"]]) == " 汉   x\n abc  y"
