"""What a search varies: options with their values, read from one text."""

from __future__ import annotations

import ast
import dataclasses
import itertools
import math
import re
from collections.abc import Iterator, Mapping

from tfxdr.errors import InputError, did_you_mean
from tfxdr.options.groups import GROUPS
from tfxdr.options.settings import Setting, settings_of
from tfxdr.registry.spec_text import split_specs

Value = float | int | str | bool
_RANGE = re.compile(r"(log|uniform|int)\((.*)\)\Z", re.DOTALL)
_EXPECTED = (
    "a list such as [64,256], or a range: log(1e-4,1e-2), uniform(0,0.5) or "
    "int(1,8)"
)


@dataclasses.dataclass(frozen=True)
class Choice:
    """One of several values."""

    values: tuple[Value, ...]


@dataclasses.dataclass(frozen=True)
class Range:
    """A number from `low` to `high`, both included.

    Attributes:
      kind: `log` (its logarithm is drawn evenly), `uniform` or `int`.
      low: the lower end.
      high: the upper end.
    """

    kind: str
    low: float
    high: float


Space = Mapping[str, Choice | Range]


def parse_space(text: str, flag: str) -> Space:
    """Reads `learning_rate=log(1e-4,1e-2);batch_size=[64,256]`.

    Args:
      text: options with their values, separated by semicolons. A choice is a
        list of numbers, of words or of quoted texts.
      flag: that holds it, for errors.

    Raises:
      InputError: an option is unknown, or cannot have such a value.
    """
    known = {
        name: declared
        for group in GROUPS.values()
        for name, declared in settings_of(group).items()
        if declared.replay
    }
    space: dict[str, Choice | Range] = {}
    for part in filter(None, map(str.strip, text.split(";"))):
        name, equals, values = map(str.strip, part.partition("="))
        name = name.removeprefix("--")
        if not equals or name not in known:
            raise InputError(
                f"{flag}: expected OPTION=VALUES, found {part!r}"
                f"{did_you_mean(name, known)}"
            )
        if name in space:
            raise InputError(f"{flag}: {name} stands there twice; leave one")
        space[name] = _values(values, f"{flag}: {name}")
        for value in _ends(space[name]):
            _check(value, known[name], f"{flag}: {name}")
    if not space:
        raise InputError(f"{flag}: expected OPTION=VALUES, found {text!r}")
    return space


def grid(space: Space) -> Iterator[dict[str, Value]]:
    """Every combination.

    Raises:
      InputError: there is a range in it, which has no end of values.
    """
    lists = []
    for name, values in space.items():
        if isinstance(values, Range):
            raise InputError(
                f"--grid: expected a list of values of {name}, found a range; "
                "--search draws from one"
            )
        lists.append(values.values)
    for chosen in itertools.product(*lists):
        yield dict(zip(space, chosen, strict=True))


def word(name: str, value: Value) -> str:
    """An option as a word of a command line."""
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return f"--{name}={text}"


def _values(text: str, place: str) -> Choice | Range:
    if text.startswith("[") and text.endswith("]"):
        values = tuple(map(_literal, split_specs(text[1:-1])))
        if len(set(values)) < len(values):
            raise InputError(f"{place}: a value stands twice in {text}")
        return Choice(values)
    match = _RANGE.match(text)
    if match is None:
        raise InputError(f"{place}: expected {_EXPECTED}, found {text!r}")
    kind, inner = match.groups()
    try:
        low, high = (float(end) for end in inner.split(","))
    except ValueError:
        raise InputError(
            f"{place}: expected two numbers in {kind}(...), found {text!r}"
        ) from None
    lowest = 0 if kind == "log" else -math.inf
    if not (lowest < low < high < math.inf) or (
        kind == "int" and not (low.is_integer() and high.is_integer())
    ):
        wanted = {"log": "numbers above 0", "int": "whole numbers"}
        raise InputError(
            f"{place}: expected {wanted.get(kind, 'numbers')}, the lower one "
            f"first, found {text!r}"
        )
    return Range(kind, low, high)


def _literal(text: str) -> Value:
    """A number, a bool, a quoted text, or a word as it stands."""
    if text.lower() in ("true", "false"):
        return text.lower() == "true"
    try:
        value = ast.literal_eval(text)
    except (ValueError, SyntaxError):
        return text
    return value if isinstance(value, (int, float, str)) else text


def _ends(values: Choice | Range) -> tuple[Value, ...]:
    if isinstance(values, Choice):
        return values.values
    ends = (values.low, values.high)
    return tuple(map(int, ends)) if values.kind == "int" else ends


def _check(value: Value, declared: Setting, place: str) -> None:
    try:
        declared.parse(word("x", value).partition("=")[2])
    except ValueError as error:
        raise InputError(f"{place}: {error}") from error
