"""What the page of a report is read by: contrast in light, dark and print.

Ratios as WCAG 2.2 defines them; AA asks for 4.5 of text.
"""

import importlib.resources
import re

import pytest

PAGE = (
    importlib.resources.files("tfxdr.report")
    .joinpath("page.html")
    .read_text("utf-8")
)
# What stands on what.
PAIRS = [
    *(("text", "page"), ("soft", "page"), ("accent", "page")),
    ("text", "band"),
]


def schemes():
    """The colours by name of light, dark and print, in this order."""
    found = [
        dict(re.findall(r"--(\w+): (#\w{6});", block))
        for block in re.findall(r":root \{(.*?)\}", PAGE, re.DOTALL)
    ]
    light, dark, printed = found
    return {"light": light, "dark": dark, "print": printed}


def luminance(colour):
    shares = [int(colour[n : n + 2], 16) / 255 for n in (1, 3, 5)]
    linear = [
        share / 12.92 if share <= 0.04045 else ((share + 0.055) / 1.055) ** 2.4
        for share in shares
    ]
    return sum(
        weight * value
        for weight, value in zip((0.2126, 0.7152, 0.0722), linear, strict=True)
    )


def contrast(one, other):
    dark, light = sorted(map(luminance, (one, other)))
    return (light + 0.05) / (dark + 0.05)


def test_ratios_are_those_of_the_standard():
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.478, abs=1e-3)


@pytest.mark.parametrize("name", ["light", "dark", "print"])
@pytest.mark.parametrize(("upper", "lower"), PAIRS)
def test_text_can_be_read(name, upper, lower):
    colours = schemes()[name]
    assert contrast(colours[upper], colours[lower]) >= 4.5


def test_every_colour_of_a_text_is_one_of_these():
    texts = set(re.findall(r"[;{]\s*color: ([^;]+);", PAGE))
    assert texts == {"var(--text)", "var(--soft)", "var(--accent)"}
    grounds = set(re.findall(r"background: ([^;]+);", PAGE))
    # White is the ground of drawings alone.
    assert grounds == {"var(--page)", "var(--band)", "#ffffff"}


def test_every_scheme_has_every_colour():
    light, *others = schemes().values()
    assert all(set(other) == set(light) for other in others)
