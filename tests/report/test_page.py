"""A report as a page: all in one file, and safe whatever ids hold."""

import re

import pytest
from matplotlib.figure import Figure

from tfxdr.report.page import (
    Code,
    Picture,
    Report,
    Section,
    Table,
    write_html,
    write_markdown,
)


def drawn(text="curve"):
    figure = Figure(figsize=(3, 2))
    figure.subplots().plot([1, 2], [1, 2], label=text)
    return figure


@pytest.fixture
def told():
    return Report(
        "a & b",
        "Two <runs>.",
        [
            Section(
                "First *",
                [
                    "A sentence with | and `code`.",
                    Table(("name", "n"), [("<b>x</b>\x1b[31m", "1")]),
                    Picture(drawn(), 'a "curve"'),
                    Picture(drawn(), "another"),
                ],
            ),
            Section("Second", [Code("line 1\nline 2 <>")]),
        ],
    )


def test_html_is_one_file_without_a_script(told, tmp_path):
    write_html(told, tmp_path / "r.html")
    text = (tmp_path / "r.html").read_text("utf-8")
    assert [path.name for path in tmp_path.iterdir()] == ["r.html"]
    assert "<script" not in text
    # Names of vocabularies aside, nothing is asked of a network.
    links = re.findall(r'(?:href|src)="(?!#|data:)([^"]+)"', text)
    assert links == []
    assert "url(http" not in text and "@import" not in text


def test_html_shows_text_as_it_is(told, tmp_path):
    write_html(told, tmp_path / "r.html")
    text = (tmp_path / "r.html").read_text("utf-8")
    assert "&lt;b&gt;x&lt;/b&gt;\\x1b[31m" in text
    assert "\x1b" not in text
    assert "line 1\nline 2 &lt;&gt;" in text
    assert "<h1>a &amp; b</h1>" in text


def test_pictures_do_not_share_names(told, tmp_path):
    write_html(told, tmp_path / "r.html")
    text = (tmp_path / "r.html").read_text("utf-8")
    assert text.count("<svg") == 2
    drawings = re.findall(r"<svg.*?</svg>", text, re.DOTALL)
    first, second = (
        set(re.findall(r'<clipPath id="([^"]+)"', one)) for one in drawings
    )
    assert first and not first & second


def test_pictures_take_the_width_that_they_get(told, tmp_path):
    write_html(told, tmp_path / "r.html")
    text = (tmp_path / "r.html").read_text("utf-8")
    (head, _) = re.findall(r"<svg [^>]*>", text)
    assert "width=" not in head and 'style="--width: 216pt"' in head
    assert "max-width: var(--width)" in text


def test_markdown_has_its_pictures_beside_it(told, tmp_path):
    write_markdown(told, tmp_path / "my report.md")
    text = (tmp_path / "my report.md").read_text("utf-8")
    assert "A sentence with \\| and \\`code\\`." in text
    assert "| \\<b\\>x\\</b\\>\\\\x1b\\[31m | 1 |" in text
    assert "```\nline 1\nline 2 <>\n```" in text
    names = re.findall(r"!\[[^\]]*\]\(([^)]+)\)", text)
    assert len(names) == 2
    for name in names:
        assert (tmp_path / name.replace("%20", " ")).is_file()
