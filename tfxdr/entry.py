"""What is known of a registered component: its place and its signature."""

from __future__ import annotations

import dataclasses
import inspect
import re
import typing
from collections.abc import Callable, Iterator

from tfxdr import spec_text

_REQUIRED = inspect.Parameter.empty


@dataclasses.dataclass(frozen=True)
class Option:
    """One option of a component, read from its factory's signature."""

    name: str
    annotation: object
    default: object

    @property
    def required(self) -> bool:
        return self.default is _REQUIRED

    def __str__(self) -> str:
        if self.required:
            return f"{self.name} (required)"
        return spec_text.render_call("", {self.name: self.default})[1:-1]


@dataclasses.dataclass(frozen=True)
class Entry:
    """A registered component.

    `place` is the file and line of its registration, `origin` the plugin or
    package that it comes from.
    """

    name: str
    factory: Callable[..., typing.Any]
    module: str
    place: str
    origin: str

    @property
    def summary(self) -> str:
        """The first line of the docstring, without its full stop."""
        lines = (self.factory.__doc__ or "").strip().splitlines()
        return lines[0].rstrip(".") if lines else ""

    @property
    def numbered(self) -> bool:
        """Whether the name ends in `-N` and stands for any number."""
        return self.name.endswith("-N")

    @property
    def parameters(self) -> dict[str, Option]:
        """Everything that the factory takes by name."""
        return {
            name: Option(name, annotation, parameter.default)
            for name, parameter, annotation in _named_parameters(self.factory)
        }

    @property
    def takes_anything(self) -> bool:
        """Whether the factory takes `**kwargs`."""
        return any(
            parameter.kind is parameter.VAR_KEYWORD
            for parameter in _signature(self.factory)[0]
        )


def matches(known: str, name: str) -> bool:
    if known.endswith("-N"):
        return bool(re.fullmatch(re.escape(known[:-1]) + "[0-9]+", name))
    return known == name


def canonical_name(entry: Entry, name: str) -> str:
    if not entry.numbered:
        return name
    stem, _, number = name.rpartition("-")
    return f"{stem}-{int(number)}"


def numbered_argument(entry: Entry, name: str) -> dict[str, object]:
    if not entry.numbered:
        return {}
    first = next(iter(entry.parameters))
    return {first: int(name.rpartition("-")[2])}


def _named_parameters(factory: Callable) -> Iterator[tuple]:
    parameters, hints = _signature(factory)
    for parameter in parameters:
        if parameter.kind not in (
            parameter.POSITIONAL_OR_KEYWORD,
            parameter.KEYWORD_ONLY,
        ):
            continue
        annotation = hints.get(parameter.name, typing.Any)
        default = parameter.default
        if annotation is typing.Any and default is not _REQUIRED:
            annotation = typing.Any if default is None else type(default)
        yield parameter.name, parameter, annotation


def _signature(factory: Callable) -> tuple[list[inspect.Parameter], dict]:
    """The parameters without `self`, and their annotations."""
    function: typing.Any = factory
    if inspect.isclass(factory):
        # inspect.signature(cls) would find the `__new__(*args, **kwargs)`
        # that Keras layers have.
        function = factory.__init__
        if function is object.__init__:
            return [], {}
    parameters = list(inspect.signature(function).parameters.values())
    hints = _hints(inspect.unwrap(function), parameters)
    return parameters[inspect.isclass(factory) :], hints


def _hints(function, parameters: list[inspect.Parameter]) -> dict[str, object]:
    """Annotations one by one: one that cannot be resolved (imported for the
    type checker only) is never that of an option."""
    hints: dict[str, object] = {}
    for parameter in parameters:
        if parameter.annotation is parameter.empty:
            continue
        holder = type(
            "_", (), {"__annotations__": {"value": parameter.annotation}}
        )
        scope = getattr(function, "__globals__", {})
        try:
            hints[parameter.name] = typing.get_type_hints(holder, scope)[
                "value"
            ]
        except NameError:
            hints[parameter.name] = type
    return hints
