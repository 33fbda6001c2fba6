"""Flagfiles: an option a line, as absl has them, and as people write them.

Beyond absl's: a byte order mark, quotes around a value as in a shell, a
comment behind it, and a flagfile that lies beside the one that names it.
"""

from __future__ import annotations

import codecs
import contextlib
import dataclasses
import os
import pathlib
import re
import shlex
from collections.abc import Iterator, Sequence

from tfxdr.errors import InputError

_NAMES = ("--flagfile", "-flagfile")
_OPTION = re.compile(r"(--?\w[\w.-]*)(?:(=)|\s+|$)(.*)")
_ANOTHER = re.compile(r"\s--?[A-Za-z]\w*=")
_CONTINUED = re.compile(r"(^|\s)\\$")  # a line of a pasted command
_UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_CLOSING = {"(": ")", "[": "]", "{": "}"}


@dataclasses.dataclass(frozen=True)
class Word:
    """A word of a command line.

    Attributes:
      text: as absl reads it.
      place: where it stands in a flagfile, `FILE, line N: `; else "".
    """

    text: str
    place: str = ""


def words(arguments: Sequence[str]) -> list[Word]:
    """A command line with what its flagfiles hold in their place.

    A flagfile that another one names is looked for beside that one, then in
    the current folder.

    Args:
      arguments: without the program's name.

    Raises:
      InputError: An argument is no UTF-8, or a flagfile cannot be read.
    """
    found: list[Word] = []
    rest = iter(arguments)
    for text in rest:
        _check_text(text, found)
        name, equals, value = text.partition("=")
        if name in _NAMES:
            path = value if equals else next(rest, "")
            found += _read(path, "", pathlib.Path(), ())
        else:
            found.append(Word(text))
    return found


def line(name: str, value: str) -> str:
    """The line of a flagfile that sets an option; `words` reads it back."""
    plain = f"--{name}={value}"
    try:
        reads_back = words_of_line(plain) == [plain]
    except InputError:
        reads_back = False
    return plain if reads_back else f"--{name}={shlex.quote(value)}"


def _check_text(text: str, before: Sequence[Word]) -> None:
    try:
        text.encode("utf-8")
    except UnicodeEncodeError as error:
        name, _, value = text.partition("=")
        if not name.startswith("-"):
            last = before[-1].text if before else ""
            asks = last.startswith("-") and "=" not in last
            name, value = last if asks else "argument", text
        found = os.fsencode(value)
        raise InputError(
            f"{_ascii(name)}: expected text in UTF-8, found the bytes "
            f"{ascii(found)[1:]}; {_remedy(found)}"
        ) from error


def _remedy(found: bytes) -> str:
    try:
        found.decode("utf-8")
    except UnicodeDecodeError:
        return "write it in UTF-8"
    return "they are, but Python takes them for others: set PYTHONUTF8=1"


def _ascii(text: str) -> str:
    return text.encode("ascii", "backslashreplace").decode()


def _read(
    name: str, place: str, beside: pathlib.Path, above: tuple[pathlib.Path, ...]
) -> Iterator[Word]:
    """The words of a flagfile.

    Args:
      name: of the file, as it was given.
      place: of the line that gives it.
      beside: the folder to look in first.
      above: the flagfiles that led to this one.
    """
    if not name:
        raise InputError(f"{place}--flagfile: expected a file, found nothing")
    given = pathlib.Path(name).expanduser()
    path = beside / given
    if not path.exists() and given.exists():
        path = given
    if path.resolve() in above:
        raise InputError(
            f"{place}--flagfile={name}: this file is being read already; "
            "take the line out"
        )
    for number, text in enumerate(_lines(path, f"{place}--flagfile={name}"), 1):
        here = f"{path}, line {number}: "
        with _named(here):
            option = words_of_line(text)
        if _names_flagfile(option):
            inner = "=".join(option).partition("=")[2]
            inside = (*above, path.resolve())
            yield from _read(inner, here, path.parent, inside)
        else:
            yield from (Word(word, here) for word in option)


def _names_flagfile(option: Sequence[str]) -> bool:
    return bool(option) and option[0].partition("=")[0] in _NAMES


def _lines(path: pathlib.Path, flag: str) -> list[str]:
    try:
        content = path.read_bytes()
    except OSError as error:
        raise InputError(f"{flag}: cannot read it: {error.strerror}") from error
    encoding = "utf-16" if content.startswith(_UTF_16) else "utf-8-sig"
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as error:
        raise InputError(
            f"{flag}: expected text in UTF-8, found bytes that are none"
        ) from error
    return re.split(r"\r\n|\r|\n", text)


@contextlib.contextmanager
def _named(place: str) -> Iterator[None]:
    try:
        yield
    except InputError as error:
        raise InputError(f"{place}{error}") from error


def words_of_line(text: str) -> list[str]:
    """The words of a line: `--name=value`, or name and value, or none."""
    text = _CONTINUED.sub("", text.strip()).strip()
    if not text or text.startswith(("#", "//")):
        return []
    if text[0] in "\"'":
        return [_unquoted(text)]
    found = _OPTION.fullmatch(text)
    if found is None:
        return [text]
    name, equals, value = found.groups()
    value = _unquoted(value)
    if equals:
        return [f"{name}={value}"]
    return [name, value] if value else [name]


def _unquoted(text: str) -> str:
    """A value without quotes around it and the comment behind it."""
    text = text.strip()
    if text.startswith(("'", '"')):
        return _of_shell(text)
    outside = _outside_brackets(text)
    comment = re.search(r"(^|\s)#", outside)
    if comment:
        text = text[: comment.start()].rstrip()
    if _ANOTHER.search(outside[: len(text)]):
        raise InputError(
            f"expected one option a line, found {text!r}; put each into a "
            "line of its own"
        )
    return text


def _of_shell(text: str) -> str:
    try:
        found = shlex.split(text, comments=True)
    except ValueError as error:
        raise InputError(
            f"expected a quotation mark at the end of {text}; close it, or "
            "leave both out"
        ) from error
    if len(found) != 1:
        raise InputError(
            f"expected nothing behind the closing quotation mark, found {text}"
        )
    return found[0]


def _outside_brackets(text: str) -> str:
    """The text with a dot for each character that stands in brackets."""
    closing: list[str] = []  # innermost last; a quote closes itself
    shown = []
    for character in text:
        shown.append("." if closing else character)
        if closing and character == closing[-1]:
            closing.pop()
        elif closing and closing[-1] in "\"'":
            continue
        elif closing and character in "\"'":
            closing.append(character)
        elif character in _CLOSING:
            closing.append(_CLOSING[character])
    return "".join(shown)
