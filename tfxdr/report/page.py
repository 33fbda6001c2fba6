"""A report as one HTML file that needs nothing else, and its Markdown twin."""

from __future__ import annotations

import tfxdr.report.drawing  # noqa: F401  # matplotlib, before what follows

# isort: split
import dataclasses
import importlib.resources
import io
import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import jinja2
import matplotlib
from matplotlib.figure import Figure

import tfxdr
from tfxdr.files import made_aside, write_text
from tfxdr.report.columns import markdown
from tfxdr.report.figures import DOTS_PER_INCH, draw_png
from tfxdr.start_up import printable

_HEAD = re.compile(r"\A.*?(?=<svg)", re.DOTALL)
_ESCAPED = re.compile(r"\\(.)")  # what `_plain` puts a backslash before
_SIZE = re.compile(r'(<svg [^>]*?)\swidth="([\d.]+)pt"\sheight="([\d.]+)pt"')


@dataclasses.dataclass(frozen=True)
class Table:
    """Rows of text.

    Attributes:
      titles: of the columns.
      rows: of cells.
      left: how many columns are words, and begin at the left.
    """

    titles: Sequence[str]
    rows: Sequence[Sequence[str]]
    left: int = 1


@dataclasses.dataclass(frozen=True)
class Picture:
    """A figure with the sentence that says what it shows."""

    figure: Figure
    caption: str


@dataclasses.dataclass(frozen=True)
class Code:
    """Text that is shown as it is, such as commands."""

    text: str


Part = str | Table | Picture | Code


@dataclasses.dataclass(frozen=True)
class Section:
    """A title, and what stands below it, in order."""

    title: str
    parts: Sequence[Part]


@dataclasses.dataclass(frozen=True)
class Written:
    """A section as an earlier page has it, in Markdown."""

    title: str
    text: str


@dataclasses.dataclass(frozen=True)
class Report:
    """A title, one sentence that says what it is of, and sections.

    Those that are written already stand in a Markdown file alone.
    """

    title: str
    summary: str
    sections: Sequence[Section | Written]


def write_html(report: Report, path: Path, flag: str = "--output") -> None:
    """Writes one file with all styles and pictures in it, and no script.

    Raises:
      InputError: the place cannot be written, or the disk is full.
    """
    environment = jinja2.Environment(
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    text = (
        importlib.resources.files("tfxdr.report")
        .joinpath("page.html")
        .read_text(encoding="utf-8")
    )
    page = environment.from_string(text).render(
        report=report,
        version=tfxdr.__version__,
        kind=lambda part: type(part).__name__.lower(),
        shown=printable,
        svg=_svg,
    )
    write_text(path, page, flag)


def write_markdown(report: Report, path: Path, flag: str = "--output") -> None:
    """Writes a file with pictures beside it, in a folder of its name.

    Args:
      report: what it says.
      path: of the file.
      flag: the option that chose its place, for a message.

    Raises:
      InputError: the place cannot be written, or the disk is full.
    """
    with made_aside(path, flag, beside=path.stem) as aside:
        text = _markdown(report, aside / path.stem)
        (aside / path.name).write_text(text, encoding="utf-8")


def _markdown(report: Report, pictures: Path) -> str:
    """The text; its pictures are drawn into a folder that is made for them."""
    lines = [f"# {_plain(report.title)}", "", _plain(report.summary), ""]
    for number, section in enumerate(report.sections, 1):
        lines += [f"## {_plain(section.title)}", ""]
        if isinstance(section, Written):
            lines += [section.text, ""]
            continue
        for place, part in enumerate(section.parts, 1):
            if isinstance(part, Table):
                titles, *rows = (
                    list(map(_plain, row)) for row in (part.titles, *part.rows)
                )
                lines += [markdown(titles, rows, left=part.left)]
            elif isinstance(part, Picture):
                pictures.mkdir(exist_ok=True)
                with open(pictures / f"{number}-{place}.png", "wb") as file:
                    draw_png(part.figure, file, DOTS_PER_INCH)
                name = f"{pictures.name}/{number}-{place}.png"
                name = name.replace(" ", "%20")
                lines += [f"![{_plain(part.caption)}]({name})", ""]
            elif isinstance(part, Code):
                lines += ["```", printable(part.text, keep="\n"), "```", ""]
            else:
                lines += [_plain(part), ""]
    return "\n".join(lines)


def written_sections(path: Path, title: str) -> list[Written]:
    """Those of a page of this title that `write_markdown` wrote, if any."""
    if not path.is_file():
        return []
    text = path.read_text(encoding="utf-8", errors="replace")
    if not text.startswith(f"# {_plain(title)}\n"):
        return []
    sections: dict[str, list[str]] = {}
    own: list[str] = []  # of what comes before the first section
    code = False
    for line in text.splitlines():
        code ^= line == "```"
        if line.startswith("## ") and not code:
            own = sections.setdefault(_ESCAPED.sub(r"\1", line[3:]), [])
        else:
            own.append(line)
    return [
        Written(title, "\n".join(lines).strip("\n"))
        for title, lines in sections.items()
    ]


WRITERS: Mapping[str, Callable[[Report, Path, str], None]] = {
    ".html": write_html,
    ".md": write_markdown,
}


def _svg(picture: Picture) -> str:
    """The drawing as an element that takes the width it gets."""
    file = io.StringIO()
    # Names of what a drawing refers to must differ from those of the others.
    with matplotlib.rc_context({"svg.hashsalt": picture.caption}):
        picture.figure.savefig(file, format="svg", metadata={"Date": None})
    text = _HEAD.sub("", file.getvalue(), count=1)
    return _SIZE.sub(r'\1 style="--width: \2pt"', text, count=1)


def _plain(text: str) -> str:
    """Text that Markdown takes as it is."""
    return re.sub(r"([\\`*_\[\]<>#|])", r"\\\1", printable(text))
