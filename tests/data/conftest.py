"""Small inputs that the tests of the data write themselves."""

from __future__ import annotations

import gzip

import pytest

from tfxdr.data.prepare import prepare


@pytest.fixture
def write(tmp_path):
    """Writes a file below `tmp_path`; compressed if it ends in .gz."""

    def write_file(name, text, encoding="utf-8"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        content = text if isinstance(text, bytes) else text.encode(encoding)
        path.write_bytes(
            gzip.compress(content, mtime=0) if name.endswith(".gz") else content
        )
        return path

    return write_file


@pytest.fixture
def prepared(tmp_path):
    """Prepares a source into a cache below `tmp_path`."""

    def prepare_source(source, **options):
        return prepare(source, cache_dir=tmp_path / "cache", **options)

    return prepare_source


# user, movie, rating, time. User 1 rates movies 10-13, 2 has no low ratings,
# 3 no high ones.
RATINGS = (
    (1, 10, 3, 300),
    (1, 11, 5, 200),
    (1, 12, 2, 100),
    (1, 13, 5, 100),
    (1, 14, 4, 50),
    (2, 11, 5, 10),
    (3, 10, 1, 5),
)


@pytest.fixture
def ratings():
    return RATINGS
