"""What the tests of plugins share."""

from __future__ import annotations

import importlib.metadata
import sys

import pytest
from absl import flags

from tfxdr import origins, registry
from tfxdr.code import code_of
from tfxdr.modes.start import import_components


@pytest.fixture(autouse=True)
def as_before(monkeypatch):
    """As with no plugin loaded; takes back what a test registers, loads and
    defines."""
    import_components()  # what a test could take the names of
    entries = [dict(known._entries) for known in registry.ALL]
    modules, defined = set(sys.modules), set(flags.FLAGS)
    monkeypatch.setattr(origins, "loaded_plugins", [])
    for known in registry.ALL:
        known.revise(lambda e: e if e.origin == origins.OWN else None)
    monkeypatch.setattr(sys, "path", list(sys.path))
    code_of.cache_clear()
    monkeypatch.setattr(importlib.metadata, "entry_points", lambda group: ())
    yield
    for known, before in zip(registry.ALL, entries, strict=True):
        known._entries = before
    for name in set(sys.modules) - modules:
        if "plugin" in name or name.startswith("tfxdr_addons"):
            del sys.modules[name]
    for name in set(flags.FLAGS) - defined:
        delattr(flags.FLAGS, name)
