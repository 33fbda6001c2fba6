"""Where components come from: tfxdr itself, a plugin, or somebody's script."""

from __future__ import annotations

import dataclasses

from tfxdr.entry import matches

OWN = __name__.partition(".")[0]


@dataclasses.dataclass(frozen=True)
class LoadedPlugin:
    """A plugin that was loaded, or that could not be (`error` is set).

    `names` are the component names that it registered or, when it is broken,
    those that it declares.
    """

    name: str
    origin: str
    names: tuple[str, ...] = ()
    error: BaseException | None = None

    @property
    def label(self) -> str:
        """Name and origin."""
        return f"{self.name} ({self.origin})"

    def __str__(self) -> str:
        if self.error is None:
            return self.label
        cause = f"{type(self.error).__name__}: {self.error}"
        return f"{self.label} is broken: {cause}"

    def declares(self, name: str) -> bool:
        return any(matches(known, name) for known in self.names)


loaded_plugins: list[LoadedPlugin] = []
loading: list[str] = []  # plugins whose import has begun, the innermost last


def origin_of(module: str) -> str:
    """Of what is registered now, by a module."""
    if module.partition(".")[0] == OWN:
        return OWN
    return loading[-1] if loading else module


def break_plugin(origin: str, error: Exception) -> bool:
    """Marks the plugin of an origin as broken; false if it is of none."""
    for index, plugin in enumerate(loaded_plugins):
        if plugin.label == origin:
            loaded_plugins[index] = dataclasses.replace(plugin, error=error)
            return True
    return False
