"""Data sources that read files keep the promises of their kind too."""

from __future__ import annotations

import pytest

from tfxdr import registry
from tfxdr.testing import check_dataset

_USERS = range(1, 21)
# user, item, rating, time; every user has both low and high ratings.
_ROWS = [
    (user, (user * 7 + step) % 30 + 1, 1 + (user + step) % 5, 100 * user + step)
    for user in _USERS
    for step in range(12)
]


def _lines(separator, rows):
    return "".join(separator.join(map(str, row)) + "\n" for row in rows)


def movielens(folder):
    (folder / "ratings.dat").write_text(_lines("::", _ROWS))
    return f"movielens(path='{folder}')"


def coldrec(folder):
    lines = (f"0,{user},{user % 9 + 1},,{user % 7 + 1},8" for user in _USERS)
    (folder / "fine.csv").write_text("\n".join(lines))
    return f"coldrec(path='{folder / 'fine.csv'}')"


def amazon(folder):
    for name in ("food", "kitchen"):
        rows = [(f"A{u}", f"{name}{i}", float(r), t) for u, i, r, t in _ROWS]
        (folder / f"{name}.csv").write_text(_lines(",", rows))
    return (
        f"amazon(source='{folder / 'food.csv'}',"
        f"target='{folder / 'kitchen.csv'}')"
    )


def events(folder):
    header = [("user", "item", "stars", "timestamp")]
    for name in ("source", "target"):
        (folder / f"{name}.csv").write_text(_lines(",", header + _ROWS))
    return (
        f"events(source='{folder / 'source.csv'}',"
        f"target='{folder / 'target.csv'}',rating=stars)"
    )


FROM_FILES = {
    made.__name__: made for made in (amazon, coldrec, events, movielens)
}


@pytest.mark.parametrize("name", FROM_FILES)
def test_promises(name, tmp_path):
    check_dataset(FROM_FILES[name](tmp_path))


def test_with_the_generated_ones_they_are_all():
    own = {e.name for e in registry.datasets.entries() if e.origin == "tfxdr"}
    # `prepared` reads no input: it names what is in a cache.
    generated = {"planted", "planted-policies", "semi-planted", "synthetic"}
    assert own == {*FROM_FILES, *generated, "prepared"}
