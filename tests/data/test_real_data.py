"""Counts of published data sets; each independently counted by hand."""

import gzip

import pytest

from tfxdr.data.events import Events
from tfxdr.data.movielens import MovieLens

pytestmark = pytest.mark.large


def folder(data_root, name):
    if not (data_root / name).is_dir():
        pytest.skip(f"{data_root / name} is absent")
    return data_root / name


def count(path, delimiter):
    """Source events, target instances and users, in plain Python."""
    low, high, users = {}, 0, set()
    with gzip.open(path, "rt", encoding="iso-8859-1") as file:
        for line in file:
            user, _, rating, _ = line.rstrip("\n").split(delimiter)
            users.add(user)
            if float(rating) < 4:
                low[user] = low.get(user, 0) + 1
            high += float(rating) > 4
    return sum(min(n, 30) for n in low.values()), high, len(users)


@pytest.mark.parametrize(
    ("name", "file", "delimiter"),
    [("ml-100k", "u.data.gz", "\t"), ("ml-1m", "ratings.dat.gz", "::")],
)
def test_movielens(data_root, prepared, name, file, delimiter):
    path = folder(data_root, name)
    data = prepared(MovieLens(str(path)))
    counts = data.manifest["counts"]
    found = (
        counts["source_events"],
        counts["target_instances"],
        counts["users"],
    )
    assert found == count(path / file, delimiter)
    users = data.users()
    assert users.history.lengths.max() == 30
    assert set(users.target_rating.tolist()) == {5.0}
    assert "" not in users.attributes["occupation"]
    assert "Star Wars" in " ".join(data.target_titles)


def test_amazon_food_to_kitchen(data_root, prepared):
    path = folder(data_root, "amazon-food-kitchen")
    data = prepared(
        Events(str(path / "food.csv.gz"), str(path / "kitchen.csv.gz")),
        split="leave-one-out",
    )
    counts = data.manifest["counts"]
    assert counts["users"] == counts["shared_users"] == 7144
    assert counts["source_items"] == 11_837
    assert counts["target_items"] == 16_258
    assert counts["test"] == counts["validation"] == 7144
