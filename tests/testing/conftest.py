"""What the tests of checks share."""

from __future__ import annotations

import pytest

from tfxdr import registry
from tfxdr.modes.start import import_components


@pytest.fixture(autouse=True)
def as_before():
    """Takes back what a test registers."""
    import_components()  # what checks build upon
    entries = [dict(known._entries) for known in registry.ALL]
    yield
    for known, before in zip(registry.ALL, entries, strict=True):
        known._entries = before
