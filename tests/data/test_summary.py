import numpy as np

from tfxdr.data.summary import describe_lengths, table1
from tfxdr.data.synthetic import Synthetic


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
    assert "malformed" not in text
