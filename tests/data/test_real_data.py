"""Counts of published data sets; each independently counted by hand."""

import csv
import gzip

import pytest

from tfxdr.datasets.events import Events
from tfxdr.datasets.movielens import MovieLens

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


_CIAO_DOMAINS = {"DVDs": "1", "Books": "2", "Music": "4", "Games": "24"}


def count_ciao(path, source, target):
    """What `prepare` should find of two categories, in plain Python."""
    with gzip.open(path, "rt", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    kept = {
        domain: [
            row
            for row in rows
            if row["category"] == domain and float(row["rating"]) >= 1
        ]
        for domain in (source, target)
    }
    all_of = [row for row in rows if row["category"] in (source, target)]
    users = {domain: {row["user"] for row in kept[domain]} for domain in kept}
    events = [
        (row["user"], row["item"], row["timestamp"], row["rating"])
        for row in kept[source]
    ]
    pairs = {(row["user"], row["item"]) for row in kept[target]}
    return {
        "shared_users": len(users[source] & users[target]),
        "source_events": len(set(events)),
        "repeated_source": len(events) - len(set(events)),
        "target_instances": len(pairs),
        "duplicate_targets": len(kept[target]) - len(pairs),
        "rated_source_events": len(set(events)),
        "other_domains": len(rows) - len(all_of),
        "filtered_source": sum(
            row["category"] == source and float(row["rating"]) < 1
            for row in all_of
        ),
    }


@pytest.mark.parametrize(
    ("source", "target", "shared"),
    [
        ("DVDs", "Books", 2391),
        ("DVDs", "Music", 2373),
        ("DVDs", "Games", 2085),
        ("Books", "Music", 1726),
    ],
)
def test_ciao(data_root, prepared, source, target, shared):
    path = folder(data_root, "ciao") / "rating_with_timestamp.csv.gz"
    domains = [_CIAO_DOMAINS[source], _CIAO_DOMAINS[target]]
    data = prepared(
        Events(
            str(path),
            str(path),
            domain="category",
            source_domain=domains[0],
            target_domain=domains[1],
            rating="rating",
            source_min=1,
            target_min=1,
        ),
        max_history=10_000,
    )
    counts = data.manifest["counts"]
    expected = count_ciao(path, *domains)
    assert {name: counts[name] for name in expected} == expected
    assert counts["shared_users"] == shared
    assert data.users().history_rating.min() == 1


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
