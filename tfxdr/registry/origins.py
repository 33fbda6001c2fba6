"""Where components come from: tfxdr itself, a plugin, or somebody's script."""

from __future__ import annotations

import dataclasses
import pathlib

from tfxdr.registry.entry import matches
from tfxdr.registry.plugin_code import file_of

OWN = __name__.partition(".")[0]


@dataclasses.dataclass(frozen=True)
class LoadedPlugin:
    """A plugin that was loaded, or that could not be (`error` is set).

    Attributes:
      name: of the entry point, file or module.
      origin: the distribution or file that it comes from.
      names: of the components that it registered or, when it is broken, that
        it declares: pairs of a registry (`policies`, or "" for any) and a
        name.
      error: what broke it.
      place: the line of the plugin at which that happened; "" if unknown.
      file: that it was loaded from, as far as that is one.
      given: whether it stands in `--plugins`.
    """

    name: str
    origin: str
    names: tuple[tuple[str, str], ...] = ()
    error: BaseException | None = None
    place: str = ""
    file: pathlib.Path | None = None
    given: bool = False

    @property
    def label(self) -> str:
        """Name and origin."""
        return f"{self.name} ({self.origin})"

    def __str__(self) -> str:
        if self.error is None:
            if self.names:
                return self.label
            return f"{self.label} has registered no component"
        cause = f"{type(self.error).__name__}: {self.error}"
        place = f", at {self.place}" if self.place else ""
        return f"{self.label} is broken: {cause}{place}"

    def declares(self, kind: str, name: str) -> bool:
        """Whether it has a component of that registry and name."""
        return any(
            of in ("", kind) and matches(known, name)
            for of, known in self.names
        )


loaded_plugins: list[LoadedPlugin] = []
loading: list[str] = []  # plugins whose import has begun, the innermost last


def origin_of(module: str) -> str:
    """Of what is registered now, by a module."""
    if module.partition(".")[0] == OWN:
        return OWN
    if loading:
        return loading[-1]
    script = main_script()
    if module == "__main__" and script is not None:
        return LoadedPlugin(script.stem, str(script)).label
    return module


def main_script() -> pathlib.Path | None:
    """The script that Python was started with; none if it is a shell, a
    notebook, or a program that is installed."""
    path = file_of("__main__")
    if path is None or path.suffix != ".py" or "site-packages" in path.parts:
        return None
    return path


def break_plugin(origin: str, error: Exception) -> bool:
    """Marks the plugin of an origin as broken; false if it is of none."""
    for index, plugin in enumerate(loaded_plugins):
        if plugin.label == origin:
            loaded_plugins[index] = dataclasses.replace(plugin, error=error)
            return True
    return False
