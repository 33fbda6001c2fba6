"""What the tests of plugins share."""

from __future__ import annotations

import importlib.metadata
import sys

import pytest
from absl import flags

from tfxdr.registry import origins
from tfxdr.registry.plugin_code import code_of


@pytest.fixture(autouse=True)
def as_before(monkeypatch, registries):
    """As with no plugin loaded; takes back what a test registers, loads and
    defines."""
    modules, defined = set(sys.modules), set(flags.FLAGS)
    monkeypatch.setattr(origins, "loaded_plugins", [])
    monkeypatch.setattr(sys, "path", list(sys.path))
    code_of.cache_clear()
    monkeypatch.setattr(importlib.metadata, "entry_points", lambda group: ())
    yield
    for name in set(sys.modules) - modules:
        if "plugin" in name or name.startswith("tfxdr_addons"):
            del sys.modules[name]
    for name in set(flags.FLAGS) - defined:
        delattr(flags.FLAGS, name)
