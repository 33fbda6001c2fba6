"""Releases that differ from one year to the next."""

import json

import pytest

from tfxdr.datasets.amazon import Amazon
from tfxdr.datasets.movielens import MovieLens
from tfxdr.errors import InputError


@pytest.fixture
def ratings(write):
    """Three reviewers of two categories, in either order of columns."""

    def make(source_swapped=False, target_swapped=False):
        paths = []
        for name, items, swapped in (
            ("a.csv", ("M1", "M2", "M1"), source_swapped),
            ("b.csv", ("N1", "N2", "N3"), target_swapped),
        ):
            rows = [
                (*((item, user) if swapped else (user, item)), "5.0", str(time))
                for time, (user, item) in enumerate(
                    zip(("R1", "R2", "R3"), items, strict=True)
                )
            ]
            text = "".join(",".join(row) + "\n" for row in rows)
            paths.append(str(write(name, text)))
        return paths

    return make


@pytest.mark.parametrize("source", [False, True])
@pytest.mark.parametrize("target", [False, True])
def test_item_first(prepared, ratings, source, target):
    data = prepared(Amazon(*ratings(source, target)))
    assert data.users().ids.tolist() == [b"R1", b"R2", b"R3"]
    assert data.source_ids.tolist() == ["M1", "M2"]
    notes = "\n".join(data.manifest["notes"])
    assert ("a.csv is read as item,user" in notes) is source
    assert ("b.csv is read as item,user" in notes) is target


def test_item_first_can_be_said(prepared, ratings):
    data = prepared(Amazon(*ratings(True, True), item_first=True))
    assert data.source_ids.tolist() == ["M1", "M2"]
    with pytest.raises(InputError, match="no user is in both"):
        prepared(Amazon(*ratings(True, False), item_first=False))
    assert "item_first" not in Amazon(*ratings()).options()


@pytest.mark.parametrize("level", [0, -1])
def test_categories_of_either_release(prepared, ratings, write, level):
    entries = [
        {"category": ["Wide", "Narrow"], "asin": "M1", "title": "One"},
        {"asin": "M2", "categories": [["Wide", "Other"]], "category": []},
    ]
    meta = write("m.json", "\n".join(map(json.dumps, entries)))
    source = Amazon(*ratings(), source_meta=str(meta), category_level=level)
    expected = ["Wide", "Wide"] if level == 0 else ["Narrow", "Other"]
    assert prepared(source).source_categories.tolist() == expected


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1"])
def test_titles_of_movielens(prepared, write, encoding):
    ratings = "1::1::3::1\n1::2::5::2\n"
    path = write("ml/ratings.dat", ratings).parent
    movies = "1::Caf\u00e9 (1999)::Drama\n2::Pl\u00e4ne (2001)::War\n"
    write("ml/movies.dat", movies, encoding)
    source = MovieLens(str(path))
    data = prepared(source)
    assert data.source_titles.tolist() == ["Caf\u00e9 (1999)"]
    assert data.target_titles.tolist() == ["Pl\u00e4ne (2001)"]
    assert source.version == (2 if encoding == "utf-8" else 1)
