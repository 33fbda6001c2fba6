import numpy as np

from tfxdr.data.summary import describe_lengths, table1
from tfxdr.datasets.synthetic import Synthetic


def test_lengths_by_hand():
    histogram = np.bincount([0, 1, 1, 4])
    assert describe_lengths(histogram) == {
        "min": 0,
        "median": 1,
        "mean": 1.5,
        "max": 4,
    }
    assert describe_lengths(np.zeros(3, int))["max"] == 0


def test_the_table_has_what_the_paper_has(prepared):
    data = prepared(Synthetic(users=50))
    text = table1(data.manifest)
    counts = data.manifest["counts"]
    for value in ("50 users, 50 of them", f"{counts['source_items']}"):
        assert value in text
    for word in ("instances", "items", "history length", "targets per user"):
        assert word in text
    for word in ("malformed", "categories", "copies"):
        assert word not in text


def test_ratings_and_categories_of_one_domain(prepared):
    manifest = dict(prepared(Synthetic(users=50)).manifest)
    known = {"rated_source_events": 0, "rated_target_instances": 1234}
    known |= {"source_categories": 7, "source_uncategorized": 2}
    manifest["counts"] = {**manifest["counts"], **known, "source_items": 1042}
    lines = table1(manifest).splitlines()
    assert "ratings           1,234 target instances" in lines
    assert "categories        7 for 1,040 of 1,042 source items" in lines
