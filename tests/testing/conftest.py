"""What the tests of checks share."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def as_before(registries):
    """Takes back what a test registers."""
