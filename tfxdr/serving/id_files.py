"""Files of raw ids, one a line."""

from __future__ import annotations

import codecs
from pathlib import Path

from tfxdr.errors import InputError

# Byte order marks, which editors and spreadsheets write, by what they tell.
_MARKS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}


def read_ids(
    path: Path, flag: str, what: str, *, once: bool = False
) -> dict[str, int]:
    """Raw ids with the line that each stands in; empty lines do not count.

    Args:
      path: UTF-8 text, or UTF-16 with a byte order mark.
      flag: that names the file, for a message.
      what: ids are meant, such as `raw user ids`.
      once: refuse one that stands there twice.

    Raises:
      InputError: the file cannot be read, is empty, or has an id twice.
    """
    flag = f"{flag}={path}"
    try:
        content = path.expanduser().read_bytes()
    except OSError as error:
        raise InputError(f"{flag}: cannot read it: {error.strerror}") from error
    encoding = next(
        (name for mark, name in _MARKS.items() if content.startswith(mark)),
        "utf-8",
    )
    try:
        text = content.decode(encoding)
    except UnicodeDecodeError as error:
        raise InputError(f"{flag}: expected UTF-8 text ({error})") from error
    seen: dict[str, int] = {}
    # Not splitlines: an id may hold what that takes for the end of a line.
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    for number, raw in enumerate(lines, 1):
        if raw in seen and once:
            raise InputError(
                f"{path}, line {number}: {raw} stands in line {seen[raw]} "
                "already; name every item once"
            )
        if raw:
            seen.setdefault(raw, number)
    if not seen:
        raise InputError(f"{flag}: expected {what}, one a line, found none")
    return seen
