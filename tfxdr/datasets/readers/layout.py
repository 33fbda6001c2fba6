"""How a delimited text is written: its delimiter, header, quotes."""

from __future__ import annotations

import csv
import dataclasses
import itertools
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from tfxdr.datasets.readers.files import open_text
from tfxdr.errors import InputError

DELIMITERS = (",", "\t", ";", "|")
# Tried where none of the others finds a column.
_RARE_DELIMITERS = (" ", "::", "\x01")
_NAMES = {
    "tab": "\t",
    "space": " ",
    "comma": ",",
    "semicolon": ";",
    "bar": "|",
}
_SHOWN = {"\t": "a tab", " ": "spaces", "\x01": "^A"}
_SAMPLE_LINES = 100
_SAMPLE_BYTES = 1 << 20
_ESCAPED = '\\"'
_TYPED = re.compile(r"([^:]+):(?:token|float)(?:_seq)?")
_NUMERIC = re.compile(r"[-+]?\d[\d\s.,:TZ/+eE-]*")


@dataclasses.dataclass(frozen=True)
class Layout:
    """How a text file is written.

    Attributes:
      columns: Name to DuckDB type, of all columns in the file's order.
      delimiter: Up to four characters; a space stands for any number.
      header: Whether the first line names the columns.
      quote: "" if quotes mean nothing.
      escape: What stands before a quote inside quotes; "" if it is doubled.
      encoding: "" for what the file's first bytes say.
      markers: Columns in which a number or a date stands: by these a line is
        known for a row.
    """

    columns: Mapping[str, str]
    delimiter: str
    header: bool = False
    quote: str = '"'
    escape: str = ""
    encoding: str = ""
    markers: tuple[str, ...] = ()

    def __str__(self) -> str:
        delimiter = _SHOWN.get(self.delimiter, repr(self.delimiter))
        parts = [f"delimiter {delimiter}"]
        parts.append("a header" if self.header else "no header")
        if not self.quote:
            parts.append("quotes mean nothing")
        elif self.quote != '"' or self.escape:
            escape = self.escape or self.quote
            parts.append(f"quote {self.quote} with {escape} before it inside")
        return ", ".join(parts)


@dataclasses.dataclass(frozen=True)
class Dialect:
    """What the user says of a text; None and "" for what is to be found."""

    encoding: str = ""
    delimiter: str = ""
    header: bool | None = None
    quote: str | None = None
    escape: str | None = None

    def __post_init__(self) -> None:
        known = _NAMES.get(self.delimiter, self.delimiter)
        object.__setattr__(self, "delimiter", known)
        for name in ("quote", "escape"):
            if len(getattr(self, name) or "") > 1:
                raise InputError(
                    f"--dataset=events({name}=...): expected one character, "
                    f"or '' for none, found {getattr(self, name)!r}"
                )


def sample_lines(path: Path, encoding: str = "") -> list[str]:
    """The first lines without their ends; blank ones are left out."""
    with open_text(path, encoding) as file:
        text = file.read(_SAMPLE_BYTES)
    lines = (line for line in re.split(r"\r\n|\r|\n", text) if line)
    return list(itertools.islice(lines, _SAMPLE_LINES))


def first_line(path: Path) -> str:
    """The first line without its end; "" if there is none."""
    return next(iter(sample_lines(path)), "")


def find_delimiter(
    lines: Sequence[str], wanted: set[str], least: int, dialect: Dialect
) -> str:
    """The delimiter by which most wanted columns are found.

    Args:
      wanted: Names that should stand in the first line; empty: the rows have
        the same number of fields, at least `least`.
    """
    if dialect.delimiter:
        return dialect.delimiter

    def score(delimiter: str) -> tuple:
        counts = [len(split(line, delimiter)) for line in lines]
        if wanted:
            names = {name.lower() for name in header_names(lines, delimiter)}
            found = len({name.lower() for name in wanted} & names)
            return found, min(counts[0], 2) * (found > 0), counts[0]
        even = max(map(counts.count, counts)) if counts else 0
        enough = bool(counts) and counts[0] >= max(least, 2)
        return enough, even, counts[0] if counts else 0

    best = max(DELIMITERS, key=score)
    rare = max(_RARE_DELIMITERS, key=score)
    return rare if score(rare)[0] > score(best)[0] else best


def split(line: str, delimiter: str, quote: str = '"') -> list[str]:
    """A line's fields; where quotes are not in order, as if there were none."""
    if len(delimiter) == 1 and quote and quote in line:
        reader = csv.reader(
            [line.strip(" ") if delimiter == " " else line],
            delimiter=delimiter,
            quotechar=quote,
            skipinitialspace=delimiter == " ",
            strict=True,
        )
        try:
            return next(reader, [])
        except csv.Error:
            pass
    if delimiter == " ":
        return [field for field in line.split(" ") if field]
    return line.split(delimiter)


def header_names(lines: Sequence[str], delimiter: str) -> list[str]:
    """The names of the first line, without RecBole's types."""
    names = split(lines[0], delimiter) if lines else []
    return (
        [name.partition(":")[0] for name in names] if is_typed(names) else names
    )


def is_typed(names: Sequence[str]) -> bool:
    """Whether the names are RecBole's, as `user_id:token`."""
    return bool(names) and all(_TYPED.fullmatch(name) for name in names)


def is_number_or_date(text: str) -> bool:
    """Whether a field looks like a number or a date."""
    return bool(_NUMERIC.fullmatch(text.strip().strip('"')))


def find_escape(lines: Sequence[str], delimiter: str, columns: int) -> str:
    r"""`\` if rows are read with quotes escaped by it, and not otherwise."""
    escaped = [line for line in lines if _ESCAPED in line]
    if not escaped or len(delimiter) > 1:
        return ""

    def right(escape: str | None) -> int:
        return sum(
            _fields(line, delimiter, escape) == columns for line in escaped
        )

    return "\\" if right("\\") > right(None) else ""


def _fields(line: str, delimiter: str, escape: str | None) -> int:
    reader = csv.reader(
        [line],
        delimiter=delimiter,
        doublequote=escape is None,
        escapechar=escape,
        strict=True,
    )
    try:
        return len(next(reader, []))
    except csv.Error:
        return 0
