"""What is known of a registered component: its place and its signature."""

from __future__ import annotations

import dataclasses
import inspect
import re
import types
import typing
from collections.abc import Callable, Collection

from tfxdr.errors import InputError
from tfxdr.registry import spec_text

_REQUIRED = inspect.Parameter.empty
_UNKNOWN = type  # no value of it can be written as text


@dataclasses.dataclass(frozen=True)
class Option:
    """One option of a component, read from its factory's signature."""

    name: str
    annotation: object
    default: object

    @property
    def required(self) -> bool:
        return self.default is _REQUIRED

    @property
    def textual(self) -> bool:
        """Whether its values can be written as text."""
        return spec_text.is_textual(self.annotation)

    @property
    def expected(self) -> str:
        """What its values are, in words."""
        return spec_text.describe(self.annotation)

    def __str__(self) -> str:
        if self.required:
            return f"{self.name} (required: {self.expected})"
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

    def canonical(self, name: str) -> str:
        """The one spelling of a name that is asked for."""
        if not self.numbered:
            return name
        stem, _, number = name.rpartition("-")
        return f"{stem}-{int(number)}"

    def number_in(self, name: str) -> dict[str, int]:
        """The first parameter, if a name has a number for it."""
        if not self.numbered:
            return {}
        return {next(iter(self.parameters)): int(name.rpartition("-")[2])}

    @property
    def parameters(self) -> dict[str, Option]:
        """Everything that the factory takes by name."""
        named = (
            inspect.Parameter.POSITIONAL_OR_KEYWORD,
            inspect.Parameter.KEYWORD_ONLY,
        )
        return {
            p.name: Option(p.name, p.annotation, p.default)
            for p in _parameters(self.factory)
            if p.kind in named
        }

    @property
    def takes_anything(self) -> bool:
        """Whether the factory takes `**kwargs`."""
        return _takes_anything(_parameters(self.factory))

    @property
    def product(self) -> type:
        """The class of what it makes: itself, or what a function says that it
        returns; `object` if it does not say."""
        if inspect.isclass(self.factory):
            return self.factory
        function = inspect.unwrap(self.factory)
        returned = inspect.signature(function).return_annotation
        if returned is inspect.Signature.empty:
            return object
        hint = _resolved(returned, getattr(function, "__globals__", {}))
        return hint if inspect.isclass(hint) else object

    def takes(self, name: str) -> bool:
        """Whether a parameter is the factory's, or one of its bases to which
        it hands on `**kwargs`."""
        factories = [self.factory]
        if inspect.isclass(self.factory):
            bases = self.factory.__mro__[1:]
            factories += [base for base in bases if "__init__" in vars(base)]
        for factory in factories:
            parameters = _parameters(factory)
            if any(parameter.name == name for parameter in parameters):
                return True
            if not _takes_anything(parameters):
                return False
        return False


def check_signature(entry: Entry, kind: str, provided: Collection[str]) -> None:
    """Refuses a factory that nobody could call by a name with options.

    Args:
      entry: what is being registered.
      kind: of component.
      provided: parameters that the program supplies.

    Raises:
      InputError: It is no class or function, its signature cannot be read, or
        it asks for what nobody can give.
    """
    label = f"{entry.place}: {kind} {entry.name!r}"
    if not callable(entry.factory):
        raise InputError(
            f"{label} should be a class or a function, found {entry.factory!r}"
        )
    try:
        parameters = list(entry.parameters.values())
    # An annotation may be any text at all.
    except Exception as error:  # noqa: BLE001
        raise InputError(
            f"{label} has a signature that cannot be read: "
            f"{type(error).__name__}: {error}"
        ) from error
    if entry.numbered and not parameters:
        raise InputError(f"{label} should take the number N, first")
    for option in parameters[entry.numbered :]:
        is_name = option.name == "name"  # given to Keras layers alone
        given = option.name in provided and not is_name
        if option.required and not given and (is_name or not option.textual):
            raise InputError(
                f"{label} needs {option.name} ({option.expected}), which no "
                "option can set: give it a default, or another name or type"
            )


def matches(known: str, name: str) -> bool:
    """Whether a registered name is, or stands for, one that is asked for."""
    if known.endswith("-N"):
        return bool(re.fullmatch(re.escape(known[:-1]) + "[0-9]+", name))
    return known == name


def _takes_anything(parameters: list[inspect.Parameter]) -> bool:
    return any(p.kind is p.VAR_KEYWORD for p in parameters)


def _parameters(factory: Callable) -> list[inspect.Parameter]:
    """Those of a factory without `self`, with resolved annotations."""
    function: typing.Any = factory
    if inspect.isclass(factory):
        # inspect.signature(cls) would find the `__new__(*args, **kwargs)`
        # that Keras layers have.
        function = factory.__init__
        if function is object.__init__:
            return []
    parameters = list(inspect.signature(function).parameters.values())
    scope = getattr(inspect.unwrap(function), "__globals__", {})
    return [
        parameter.replace(annotation=_annotation(parameter, scope))
        for parameter in parameters[inspect.isclass(factory) :]
    ]


def _annotation(parameter: inspect.Parameter, scope: dict) -> object:
    """The type of a parameter; that of the default where it has no other."""
    hint: object = typing.Any
    if parameter.annotation is not parameter.empty:
        hint = _resolved(parameter.annotation, scope)
    default = parameter.default
    if default is None or default is _REQUIRED:
        return hint
    return type(default) if hint in (typing.Any, _UNKNOWN) else hint


def _resolved(annotation: object, scope: dict) -> object:
    """An annotation as a type; `_UNKNOWN` where it is imported for the type
    checker alone."""
    holder = types.SimpleNamespace(__annotations__={"value": annotation})
    try:
        return typing.get_type_hints(holder, scope)["value"]
    except NameError:
        return _UNKNOWN
