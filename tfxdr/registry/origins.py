"""Where components come from: tfxdr itself, a plugin, or this session."""

from __future__ import annotations

import dataclasses

from tfxdr.registry.entry import matches

OWN = __name__.partition(".")[0]


@dataclasses.dataclass(frozen=True)
class LoadedPlugin:
    """A plugin that was loaded, or that could not be (`error` is set).

    Attributes:
      name: of the entry point, file or module.
      origin: the distribution or file that it comes from.
      names: of the components that it registered or, when it is broken, would
        have registered.
      error: what broke it.
      place: the line of the plugin at which that happened; "" if unknown.
    """

    name: str
    origin: str
    names: tuple[str, ...] = ()
    error: BaseException | None = None
    place: str = ""

    @property
    def label(self) -> str:
        """Name and origin."""
        return f"{self.name} ({self.origin})"

    def __str__(self) -> str:
        if self.error is None:
            nothing = "" if self.names else " has registered no component"
            return self.label + nothing
        cause = f"{type(self.error).__name__}: {self.error}"
        place = f", at {self.place}" if self.place else ""
        return f"{self.label} is broken: {cause}{place}"

    def broken_with(self, name: str) -> bool:
        """Whether it is the reason that a component is missing."""
        named = any(matches(known, name) for known in self.names)
        return self.error is not None and named


loaded_plugins: list[LoadedPlugin] = []
loading: list[str] = []  # plugins whose import has begun, the innermost last


def origin_of(module: str) -> str:
    """Of what a module registers now; the module itself in no plugin."""
    if module.partition(".")[0] == OWN:
        return OWN
    return loading[-1] if loading else module


def of_this_session(origin: str) -> bool:
    """Whether only this process has it: from a script, shell or notebook."""
    return origin not in (OWN, *(plugin.label for plugin in loaded_plugins))
