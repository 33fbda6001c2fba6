"""What the tests of runs share."""

import pytest


@pytest.fixture(scope="module")
def place(tmp_path_factory, request):
    """A folder for all tests of a file."""
    return tmp_path_factory.mktemp(request.module.__name__.rpartition(".")[2])


@pytest.fixture
def in_place(place, monkeypatch):
    monkeypatch.chdir(place)
