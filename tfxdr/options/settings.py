"""One declaration per option: its type, range and help, and what follows.

A group of options is a frozen dataclass derived from `Group`, whose fields are
made by the functions below. The same declaration checks a value that was set
in code and one that was read as text.
"""

from __future__ import annotations

import dataclasses
import math
import os
import re
from collections.abc import Iterable
from typing import Any

from tfxdr.errors import InputError

_KEY = "setting"
_NONE = "none"
# In double quotes, or up to the next comma.
_RAW_ID = re.compile(
    r"""\s*"((?:[^"]|"")*)"\s*(?=,|$)|(?!\s*")([^,]*)(?=,|$)""", re.DOTALL
)
_ARTICLES = {int: "an integer", float: "a number", str: "text"}


@dataclasses.dataclass(frozen=True)
class Setting:
    """What may stand in an option.

    Args:
      help: One or two sentences for `--helpshort`.
      type: bool, int, float or str: of the value, or of a list's items.
      is_list: Whether the value is a tuple, written with commas.
      lower, upper: The range, both ends included.
      above: The range's lower end, itself excluded.
      choices: The only values allowed, if any.
      length: How many values a list has; 0 for any number.
      optional: Whether None is allowed, written as `none`: not set.
      replay: Whether a run's flagfile holds it.
      path: Whether it names a file or folder: `~` is then the home folder.
      verbatim: Whether the text is a raw id, or a list of them: spaces count,
        and one of a list stands in double quotes (`""` within) if it holds a
        comma or begins or ends with a space. No flagfile of a run holds it.
    """

    help: str
    type: type
    is_list: bool = False
    lower: float | None = None
    upper: float | None = None
    above: float | None = None
    choices: tuple[str, ...] = ()
    length: int = 0
    optional: bool = False
    replay: bool = True
    path: bool = False
    verbatim: bool = False

    def expected(self) -> str:
        """In words: `an integer of at least 1`."""
        if self.choices:
            return f"one of {', '.join(self.choices)}"
        if self.type is bool:
            return "true or false"
        words = _ARTICLES[self.type]
        if self.optional:
            return f"{words}{self._range()}, or {_NONE}"
        if self.is_list:
            count = f"{self.length} " if self.length else ""
            noun = words.split()[-1]
            plural = noun if self.type is str else f"{noun}s"
            return f"{count}{plural}{self._range()}, separated by commas"
        return words + self._range()

    def _range(self) -> str:
        if self.above is not None:
            low = f" above {self.above}"
            return f"{low}, at most {self.upper}" if self.upper else low
        if self.lower is not None and self.upper is not None:
            return f" from {self.lower} to {self.upper}"
        return f" of at least {self.lower}" if self.lower is not None else ""

    def parse(self, text: str) -> Any:
        """Reads the value.

        Raises:
          ValueError: It is not what is expected; says what is.
        """
        if self.optional and text.strip().lower() == _NONE:
            return None
        if self.verbatim:
            value: Any = _raw_ids(text) if self.is_list else text
        elif self.is_list:
            parts = text.split(",") if text.strip() else []
            value = tuple(self._parse_one(part.strip()) for part in parts)
        else:
            value = self._parse_one(text.strip())
        self.check(value)
        return value

    def _parse_one(self, text: str) -> Any:
        if self.type is bool:
            words = {"true": True, "1": True, "false": False, "0": False}
            if text.lower() not in words:
                raise self._refusal(text)
            return words[text.lower()]
        try:
            return self.type(text)
        except ValueError:
            raise self._refusal(text) from None

    def adapt(self, value: Any) -> Any:
        """A value as Python has it, in the type that the option has.

        Sequences become tuples, or are joined where the option is the text of
        several components; a path is its text, a NumPy number a number, a
        bool the text of a choice. `check` sees to the rest.
        """
        if isinstance(value, os.PathLike):
            return os.fspath(value)
        if self.is_list and isinstance(value, str):
            return self.parse(value)
        if isinstance(value, Iterable) and not isinstance(value, (str, bytes)):
            values = tuple(map(_plain, value))
            if self.is_list or self.type is not str:
                return values
            return ",".join(map(str, values))
        value = _plain(value)
        if self.is_list and not isinstance(value, str):
            return (value,)
        choice = isinstance(value, bool) and self.type is str
        return self.format(value) if choice else value

    def check(self, value: Any) -> None:
        """Raises ValueError unless the value is what is expected."""
        if value is None and self.optional:
            return
        if self.is_list:
            fits = isinstance(value, tuple) and all(map(self._fits, value))
            fits = fits and len(value) in (self.length or len(value),)
        else:
            fits = self._fits(value)
        if not fits:
            raise self._refusal(value)

    def _fits(self, value: Any) -> bool:
        if isinstance(value, bool) or self.type is bool:
            return isinstance(value, bool) and self.type is bool
        if self.type is str:
            return isinstance(value, str) and self._fits_text(value)
        if isinstance(value, float):
            if self.type is int or not math.isfinite(value):
                return False
        elif not isinstance(value, int):
            return False
        return (
            (self.lower is None or value >= self.lower)
            and (self.upper is None or value <= self.upper)
            and (self.above is None or value > self.above)
        )

    def _fits_text(self, value: str) -> bool:
        if self.choices:
            return value in self.choices
        if self.verbatim:
            return True
        # What a line of a flagfile, or a list in one, can hold.
        forbidden = "\n," if self.is_list else "\n"
        return value == value.strip() and not set(forbidden) & set(value)

    def _refusal(self, value: Any) -> ValueError:
        shown = self.format(value) if isinstance(value, tuple) else value
        return ValueError(f"expected {self.expected()}, found {shown!r}")

    def format(self, value: Any) -> str:
        """The text that `parse` reads back."""
        if isinstance(value, tuple):
            one = _quoted if self.verbatim else self.format
            return ",".join(map(one, value))
        if isinstance(value, bool):
            return str(value).lower()
        return _NONE if value is None else str(value)


def _plain(value: Any) -> Any:
    """A number of NumPy's as one of Python's."""
    item = getattr(value, "item", None)
    return item() if callable(item) else value


def _raw_ids(text: str) -> tuple[str, ...]:
    """Values between commas, of which some stand in double quotes.

    Raises:
      ValueError: A quote is not closed, or text follows behind one.
    """
    if not text.strip():
        return ()
    values, place = [], 0
    while place <= len(text):
        match = _RAW_ID.match(text, place)
        if match is None:
            raise ValueError(
                'expected ids separated by commas, in "double quotes" if they '
                f"hold one, found {text[place:]!r}, whose quotes do not match"
            )
        quoted, plain = match.groups()
        if quoted is None:
            values.append(plain.strip())
        else:
            values.append(quoted.replace('""', '"'))
        place = match.end() + 1  # behind the comma
    return tuple(values)


def _quoted(value: str) -> str:
    if value == value.strip() and not set(',"') & set(value):
        return value
    return '"' + value.replace('"', '""') + '"'


def setting(default: Any, help: str, **limits: Any) -> Any:
    """Declares an option as the field of a `Group`.

    Its type is the default's; `optional=float` stands for a number that may
    be none, `of=int` for a list of numbers that is empty by default. For the
    other limits see `Setting`.
    """
    sample = default
    if isinstance(default, tuple):
        limits["is_list"] = True
        sample = default[0] if default else ""
    optional = limits.pop("optional", None)
    kind = limits.pop("of", None) or optional or type(sample)
    declared = Setting(help, kind, optional=optional is not None, **limits)
    return dataclasses.field(default=default, metadata={_KEY: declared})


def path_setting(default: str, help: str, **limits: Any) -> Any:
    """Declares an option that names a file or folder; see `setting`."""
    return setting(default, help, path=True, **limits)


@dataclasses.dataclass(frozen=True)
class Group:
    """A group of options; every value is checked when one is made.

    Raises:
      InputError: Names the flag, the value and what is expected.
    """

    def __post_init__(self) -> None:
        for name, declared in settings_of(type(self)).items():
            value = getattr(self, name)
            try:
                declared.check(value)
            except ValueError as error:
                raise InputError(f"--{name}: {error}") from error
            if declared.path:
                # No shell expands it behind a flag's equals sign.
                object.__setattr__(self, name, os.path.expanduser(value))


def settings_of(group: type[Group]) -> dict[str, Setting]:
    """The declared options of a group by name, in order."""
    return {
        field.name: field.metadata[_KEY] for field in dataclasses.fields(group)
    }
