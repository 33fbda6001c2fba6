"""Named components: how `--policy="gumbel(temperature=5)"` becomes an object.

Standard library only, so that names can be handled before TensorFlow loads.
"""

from __future__ import annotations

import dataclasses
import sys
import typing
from collections.abc import Callable, Mapping

from tfxdr.errors import InputError, did_you_mean
from tfxdr.registry import origins, spec_text
from tfxdr.registry.entry import Entry, Option, check_signature, matches
from tfxdr.registry.plugin_code import code_of


@dataclasses.dataclass(frozen=True)
class Spec:
    """A component's name with the options that the user gave it."""

    registry: Registry
    name: str
    options: Mapping[str, object] = dataclasses.field(
        default_factory=dict, hash=False
    )

    def __str__(self) -> str:
        """The canonical text: equal components have equal texts."""
        return spec_text.render_call(self.name, self.options)

    @property
    def kind(self) -> str:
        return self.registry.kind

    @property
    def entry(self) -> Entry:
        """What is registered under the name."""
        return self.registry.entry(self.name)

    @property
    def code(self) -> str:
        """A hash of the plugin's code; "" of what is tfxdr's own."""
        return code_of(self.entry.module)

    def resolved(self) -> dict[str, object]:
        """All options, with the defaults of those that were not given."""
        defaults = {
            option.name: option.default
            for option in self.registry.options(self.entry)
            if not option.required
        }
        return {**defaults, **self.options}

    def build(self, **provided: object) -> typing.Any:
        """Calls the factory with the user's options and what is provided.

        Raises:
          InputError: An option is provided by the program, missing, or was
            refused by the component (a ValueError).
          TypeError: The component does not take something that is provided:
            a mistake of the component, not of the user.
        """
        values = self._checked(provided)
        try:
            return self.entry.factory(**values)
        except InputError:
            raise
        except ValueError as error:
            # Without an option of the user's a ValueError is a bug: let it be.
            if not self.options and not self.entry.numbered:
                raise
            raise InputError(
                f"{self.registry.label(str(self))}: {error}"
            ) from error

    def _checked(self, provided: Mapping[str, object]) -> dict[str, object]:
        """All that the factory is called with."""
        entry, label = self.entry, self.registry.label(self.name)
        clash = sorted(set(provided) & set(self.options))
        if clash:
            raise InputError(
                f"{label} takes {clash[0]!r} from the program; it is no option"
            )
        offered = self.registry.offered
        values = {**entry.number_in(self.name), **self.options}
        for name, value in provided.items():
            if name not in offered or entry.takes(name):
                values[name] = value
        foreign = sorted(set(values) - set(entry.parameters))
        if foreign and not entry.takes_anything:
            raise TypeError(
                f"{self.kind} {self.name!r} ({entry.place}) does not take "
                f"{', '.join(foreign)}, which every {self.kind} is given"
            )
        for option in entry.parameters.values():
            if option.required and option.name not in values:
                raise InputError(
                    f"{label} needs the option {option.name} "
                    f"({option.expected})"
                )
        return values


class Registry:
    """Maps the names of one kind of component to what builds them.

    Args:
      kind: What an error calls a component: `policy`.
      plural: What a list of them is called: `policies`.
      flag: The flag that selects one, without dashes; "" if none does.
      provided: Parameters that the program supplies to every component. They
        are no options of the user.
      offered: Likewise, but only to those that ask for them.
    """

    def __init__(
        self,
        kind: str,
        *,
        plural: str = "",
        flag: str = "",
        provided: tuple[str, ...] = (),
        offered: tuple[str, ...] = (),
    ):
        self.kind = kind
        self.plural = plural or f"{kind}s"
        self.flag = flag
        # Keras layers take a name, which is nothing to choose by a flag.
        self.offered = frozenset(offered)
        self.provided = self.offered | frozenset(provided) | {"name"}
        self._entries: dict[str, Entry] = {}

    def __repr__(self) -> str:
        return f"Registry({self.kind!r})"

    @property
    def attribute(self) -> str:
        """Its name in `tfxdr` and in `tfxdr.registry`: `policy_networks`."""
        return self.plural.replace(" ", "_").replace("-", "_")

    def __contains__(self, name: str) -> bool:
        return any(matches(known, name) for known in self._entries)

    def register(self, name: str, factory: Callable | None = None) -> Callable:
        """Registers a class or factory; also a decorator.

        A name that ends in `-N` stands for every number, which the factory
        takes as its first parameter: `last-N` is asked for as `last-2`.

        Raises:
          InputError: The name is malformed, or taken (names both places); or
            the factory's signature cannot be read, or asks for what nobody
            can give.
        """
        frame = sys._getframe(1)
        place = f"{frame.f_code.co_filename}:{frame.f_lineno}"
        module = frame.f_globals.get("__name__", "")
        if not isinstance(name, str) or not spec_text.NAME.fullmatch(name):
            raise InputError(
                f"{place}: register takes a name, which starts with a letter "
                "and has letters, digits and single hyphens or underscores, "
                f"found {name!r}"
            )

        def add(factory: Callable) -> Callable:
            self._refuse_duplicate(name, place)
            origin = origins.origin_of(module)
            entry = Entry(name, factory, module, place, origin)
            check_signature(entry, self.kind, self.provided)
            self._entries[name] = entry
            return factory

        return add if factory is None else add(factory)

    def parse(self, text: str) -> Spec:
        """Reads `name(option=value, ...)` and checks it against the signature.

        Raises:
          InputError: Unknown name or option, or a value of another type.
        """
        name, options = self._read(text)
        entry = self.entry(name)
        known = {option.name: option for option in self.options(entry)}
        checked = {
            key: self._check(name, key, value, known)
            for key, value in options.items()
        }
        return Spec(self, entry.canonical(name), checked)

    def parse_list(self, text: str) -> tuple[Spec, ...]:
        """Reads several components, separated by commas.

        Raises:
          InputError: There is none, or one that cannot be read.
        """
        return tuple(self.parse(part) for part in self._split(text))

    def _split(self, text: str) -> tuple[str, ...]:
        try:
            return spec_text.split_specs(text)
        except InputError as error:
            raise InputError(f"--{self.flag or self.kind}: {error}") from error

    def check_text(self, text: str) -> None:
        """Refuses what `parse_list` cannot read, whatever is registered.

        Raises:
          InputError: See `spec_text`.
        """
        for part in self._split(text):
            self._read(part)

    def _read(self, text: str) -> tuple[str, dict[str, object]]:
        try:
            return spec_text.parse_call(text)
        except InputError as error:
            raise InputError(f"{self.label(text)}: {error}") from error

    def build(self, text: str, **provided: object) -> typing.Any:
        """Short for `parse(text).build(**provided)`."""
        return self.parse(text).build(**provided)

    def names(self) -> tuple[str, ...]:
        """What is registered, sorted; `-N` at an end stands for a number."""
        return tuple(sorted(self._entries))

    def create(self, text: str, **values: object) -> typing.Any:
        """Builds a component in Python.

        Args:
          text: a name, also with options: `sasrec(channels=64)`.
          values: more of its options, and what the program gives to it
            elsewhere, such as `num_items` of a backbone.

        Raises:
          InputError: The name or an option is unknown, stands twice, is
            missing, or has a value of another type.
        """
        spec = self.parse(text)
        entry = self.entry(spec.name)
        known = {option.name: option for option in self.options(entry)}
        given, chosen = {}, dict(spec.options)
        for key, value in values.items():
            if key in chosen:
                raise InputError(
                    f"{self.kind} {text}: {key} stands in the text and beside "
                    "it; give it once"
                )
            if key in known:
                chosen[key] = self._check(spec.name, key, value, known)
            elif key in self.provided or entry.takes(key):
                given[key] = value
            else:
                self._check(spec.name, key, value, known)
        return dataclasses.replace(spec, options=chosen).build(**given)

    def entry(self, name: str) -> Entry:
        """The entry of a name.

        Raises:
          InputError: The name is unknown, or a broken plugin's.
        """
        for known, entry in self._entries.items():
            if matches(known, name):
                return entry
        for plugin in origins.loaded_plugins:
            if plugin.broken_with(name):
                raise InputError(
                    f"{self.label(name)} cannot be used: plugin {plugin}"
                ) from plugin.error
        raise self._unknown(name)

    def entries(self) -> tuple[Entry, ...]:
        """Every entry, sorted by name."""
        return tuple(self._entries[name] for name in sorted(self._entries))

    def revise(self, change: Callable[[Entry], Entry | None]) -> None:
        """Puts what a function makes of it in an entry's place; or nothing."""
        changed = {name: change(e) for name, e in self._entries.items()}
        self._entries = {name: e for name, e in changed.items() if e}

    def options(self, entry: Entry) -> tuple[Option, ...]:
        """What a user may set of an entry, in the signature's order."""
        options = list(entry.parameters.values())[entry.numbered :]
        return tuple(
            option
            for option in options
            if option.name not in self.provided and option.textual
        )

    def label(self, text: str) -> str:
        """What an error calls a component."""
        return f"--{self.flag}={text}" if self.flag else f"{self.kind} {text}"

    def _check(self, name: str, key: str, value: object, known: dict):
        if key not in known:
            label = self.label(name)
            if key in self.provided:
                raise InputError(f"{label} takes {key!r} from the program")
            listed = ", ".join(map(str, known.values())) or "none"
            raise InputError(
                f"{label} has no option {key!r}{did_you_mean(key, known)}\n"
                f"  its options: {listed}"
            )
        try:
            return spec_text.convert(value, known[key].annotation)
        except TypeError as error:
            raise InputError(
                f"{self.label(name)}: option {key}: {error}, found {value!r}"
            ) from error

    def _refuse_duplicate(self, name: str, place: str) -> None:
        for known, entry in self._entries.items():
            same = known == name
            if same or matches(known, name) or matches(name, known):
                raise InputError(
                    f"{self.kind} {name!r} is registered twice:\n"
                    f"  {known} at {entry.place}\n  {name} at {place}"
                )

    def _unknown(self, name: str) -> InputError:
        if name in self._entries:  # "last-N" itself, which matches no number.
            stem = name[:-2]
            return InputError(
                f"{self.label(name)}: put a number for N: {stem}-1, {stem}-2"
            )
        prefix = f"--{self.flag}: " if self.flag else ""
        plugins = "; ".join(map(str, origins.loaded_plugins)) or "none"
        return InputError(
            f"{prefix}unknown {self.kind} {name!r}"
            f"{did_you_mean(name, self._entries)}\n"
            f"  {self.plural}: {', '.join(sorted(self._entries)) or 'none'}\n"
            f"  plugins: {plugins}\n"
            "  load one by --plugins=file.py or --plugins=package.module"
        )
