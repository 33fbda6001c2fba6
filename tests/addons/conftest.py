"""The pack of tensorflow-addons, loaded as an installed plugin is."""

from __future__ import annotations

import pytest

from tfxdr.registry import plugins


@pytest.fixture(autouse=True, scope="session")
def pack() -> None:
    loaded = {plugin.name: plugin for plugin in plugins.load_plugins()}
    assert loaded["addons"].error is None, loaded["addons"]
