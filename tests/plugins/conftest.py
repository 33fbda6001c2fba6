"""The worked examples, each loaded as `--plugins` loads it."""

from __future__ import annotations

import pathlib

import pytest

from tfxdr import plugins

FOLDER = pathlib.Path(__file__).parents[2] / "plugins"


@pytest.fixture
def load():
    """Loads an example by the name of its file."""

    def load_one(name: str) -> None:
        path = str(FOLDER / f"{name}.py")
        loaded = {known.origin: known for known in plugins.load_plugins([path])}
        assert loaded[path].error is None, loaded[path]

    return load_one
