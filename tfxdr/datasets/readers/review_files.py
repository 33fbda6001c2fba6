"""Reviews and metadata, one object per line, streamed into DuckDB.

Python reads the lines, because each malformed one is reported with its line
and key; memory holds one batch of them.
"""

from __future__ import annotations

import ast
import json
import math
import re
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import duckdb

from tfxdr.datasets.readers.files import open_text
from tfxdr.datasets.readers.rejects import BadRow, Rejects
from tfxdr.datasets.readers.stream import stream_rows

MIN_RATING, MAX_RATING = 1, 5

# Characters. A literal can take 500 times its length of memory to read.
_MAX_LINE = 1 << 18
_MAX_SHOWN = 200
_NAN = float("nan")
_TOO_DEEP = "it is nested too deeply"
# A literal with 0 for its texts and numbers has nothing behind a value but
# brackets, commas and colons. Python 3.10 crashes on a long row of operations.
_TEXT = re.compile(
    r"'[^'\\]*(?:\\.[^'\\]*)*'" + r'|"[^"\\]*(?:\\.[^"\\]*)*"', re.DOTALL
)
_NUMBER = re.compile(r"\b\d[\w.]*(?:(?<=[eE])[-+]\d+)?")
_OPERATION = re.compile(r"[\w)\]}]\s*(?:[-+*/%@&|^.(\[<>=]|if\b|and\b|or\b)")


class _Malformed(ValueError):
    """A line that is not as it should be, and the key that is wrong."""

    def __init__(self, key: str, problem: str):
        super().__init__(problem)
        self.key = key


def read_reviews(
    connection: duckdb.DuckDBPyConnection,
    rejects: Rejects,
    table: str,
    path: Path,
) -> None:
    """Creates `table` (user, item, rating, time, row) of JSON lines.

    Keys `reviewerID` and `asin` are texts, `overall` is a number from 1 to 5,
    `unixReviewTime` a whole number; others are ignored.

    Raises:
      InputError: More malformed lines than allowed; names the first.
    """
    columns = {
        "user": "VARCHAR",
        "item": "VARCHAR",
        "rating": "DOUBLE",
        "time": "BIGINT",
    }
    rows = _parsed(path, rejects, _review)
    stream_rows(connection, table, columns | {"row": "BIGINT"}, rows)


def read_metadata(
    connection: duckdb.DuckDBPyConnection,
    rejects: Rejects,
    table: str,
    path: Path,
    items: set[str],
    level: int,
) -> None:
    """Creates `table` (item, category, title, row) of lines of metadata.

    A line is a Python literal, as published, or JSON. It is never executed.
    Its `categories` are paths, as `[['Books', 'Fiction']]`, or its `category`
    is one, as `['Books', 'Fiction']`; the category is an entry of the first.
    A missing category or title is "".

    Args:
      items: Only lines of these are kept. Of others no more is read than the
        `asin`, if they begin with it.
      level: Which entry: 0 the widest, -1 the most specific; a path that is
        too short gives its nearest entry.

    Raises:
      InputError: More malformed lines than allowed; names the first.
    """

    def parse(text: str) -> tuple | None:
        if (item := _leading_item(text)) and item not in items:
            return None
        entry = _literal(text)
        item = _text(entry, "asin")
        if item not in items:
            return None
        return item, _category(entry, level), _title(entry)

    columns = {"item": "VARCHAR", "category": "VARCHAR", "title": "VARCHAR"}
    rows = _parsed(path, rejects, parse)
    stream_rows(connection, table, columns | {"row": "BIGINT"}, rows)


def is_json(path: Path) -> bool:
    """Whether a file says that it is JSON lines, by name or by content."""
    suffixes = Path(path.name.removesuffix(".gz")).suffix
    if suffixes in (".json", ".jsonl"):
        return True
    with open_text(path) as file:
        return file.read(1) == "{"


def _parsed(
    path: Path, rejects: Rejects, parse: Callable[[str], tuple | None]
) -> Iterator[tuple]:
    """(values..., row) of every line that `parse` makes something of."""
    bad: list[BadRow] = []
    rows = 0
    for line, text in _lines(path):
        rows += 1
        try:
            if text is None:
                raise _Malformed(
                    "", f"the line is longer than {_MAX_LINE:,} characters"
                )
            values = parse(text)
        except _Malformed as error:
            bad.append(
                BadRow(
                    path, line, error.key, str(error), (text or "")[:_MAX_SHOWN]
                )
            )
            if len(bad) > rejects.room:
                break
            continue
        if values is not None:
            yield *values, line
    rejects.add(bad)
    rejects.count(path, rows)


def _lines(path: Path) -> Iterator[tuple[int, str | None]]:
    """(number, text) of each line that is not blank; None if too long."""
    with open_text(path) as file:
        number = 0
        while text := file.readline(_MAX_LINE + 1):
            number += 1
            whole = len(text) <= _MAX_LINE
            while len(text) > _MAX_LINE:
                text = file.readline(_MAX_LINE + 1)
            if not whole:
                yield number, None
            elif text := text.strip():
                yield number, text


def _review(text: str) -> tuple[str, str, float, int]:
    review = _json(text)
    return (
        _text(review, "reviewerID"),
        _text(review, "asin"),
        _rating(review, "overall"),
        _whole(review, "unixReviewTime"),
    )


def _json(text: str) -> dict:
    try:
        return _object(json.loads(text))
    except json.JSONDecodeError as error:
        told = f"{error.msg}, at character {error.pos + 1}"
        raise _Malformed("", f"no JSON object: {told}") from error
    except RecursionError as error:
        raise _Malformed("", _TOO_DEEP) from error
    except _Malformed:
        raise
    except ValueError as error:
        raise _Malformed("", f"no JSON object: {error}") from error


def _literal(text: str) -> dict:
    """An object of JSON or of Python's literals; nothing is executed."""
    try:
        return _object(json.loads(text))
    except _Malformed:
        raise
    except (ValueError, RecursionError):
        pass  # No JSON: most metadata are published as Python literals.
    if _OPERATION.search(_NUMBER.sub("0", _TEXT.sub("0", text))):
        raise _Malformed("", "no literal of Python or JSON: an operation")
    try:
        with warnings.catch_warnings():
            # An unknown escape such as \d in a text is worth no warning.
            warnings.simplefilter("ignore")
            return _object(ast.literal_eval(text))
    except _Malformed:
        raise
    except (SyntaxError, ValueError, TypeError) as error:
        told = getattr(error, "msg", None) or str(error).partition(":")[0]
        told = told.partition(" on line ")[0]  # Of the one line that it saw.
        raise _Malformed("", f"no literal of Python or JSON: {told}") from error
    except (MemoryError, RecursionError) as error:
        raise _Malformed("", _TOO_DEEP) from error


def _object(value: object) -> dict:
    if isinstance(value, dict):
        return value
    raise _Malformed("", "expected an object, as {'asin': ...}")


def _leading_item(text: str) -> str:
    """The `asin` that a line begins with, as published ones do; or ""."""
    for quote in "'\"":
        begin = f"{{{quote}asin{quote}: {quote}"
        if text.startswith(begin):
            item = text[len(begin) :].partition(quote)[0]
            return "" if "\\" in item else item
    return ""


def _text(entry: dict, key: str) -> str:
    value = entry.get(key)
    if not isinstance(value, str) or not value:
        raise _Malformed(key, f"expected a text, found {_shown(entry, key)}")
    return _unicode(value, key)


def _unicode(value: str, key: str) -> str:
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise _Malformed(key, "half of a surrogate pair is no text") from error
    return value


def _rating(entry: dict, key: str) -> float:
    value = _number(entry, key)
    if MIN_RATING <= value <= MAX_RATING:
        return value
    raise _Malformed(
        key,
        f"a rating is from {MIN_RATING} to {MAX_RATING}, "
        f"found {_shown(entry, key)}",
    )


def _whole(entry: dict, key: str) -> int:
    value = _number(entry, key)
    if math.isfinite(value) and value == int(value) and abs(value) < 1 << 53:
        return int(value)
    raise _Malformed(
        key, f"expected a whole number, found {_shown(entry, key)}"
    )


def _number(entry: dict, key: str) -> float:
    value = entry.get(key)
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise _Malformed(key, f"expected a number, found {_shown(entry, key)}")
    try:
        return float(value)
    except OverflowError:
        return _NAN  # Of hundreds of digits: no rating and no time.


def _category(entry: dict, level: int) -> str:
    paths = entry.get("categories", [])
    flat = entry.get("category", [])
    if not paths and isinstance(flat, list) and flat:
        # 2018's release has one path, and calls it so.
        paths = [flat]
    right = isinstance(paths, list) and all(
        isinstance(path, list) and all(isinstance(name, str) for name in path)
        for path in paths
    )
    if not right:
        raise _Malformed(
            "categories",
            "expected lists of texts, as [['Books', 'Fiction']], found "
            + _shown(entry, "categories"),
        )
    path = paths[0] if paths else []
    if not path:
        return ""
    position = level if level >= 0 else len(path) + level
    nearest = min(max(position, 0), len(path) - 1)
    return _unicode(path[nearest], "categories")


def _title(entry: dict) -> str:
    title = entry.get("title", "")
    # A title is only shown: whatever else stands there is no reason to stop.
    return (
        title.strip() if isinstance(title, str) and _is_unicode(title) else ""
    )


def _is_unicode(text: str) -> bool:
    return not any("\ud800" <= char <= "\udfff" for char in text)


def _shown(entry: dict, key: str) -> str:
    if key not in entry:
        return "none"
    shown = repr(entry[key])
    return shown if len(shown) <= 40 else shown[:40] + "…"
