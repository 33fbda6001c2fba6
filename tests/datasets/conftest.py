"""Small inputs that the tests of the data write themselves."""

from __future__ import annotations

import pytest

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
