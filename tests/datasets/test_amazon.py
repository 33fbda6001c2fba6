import json

import pytest

from tfxdr.data.summary import table1
from tfxdr.datasets.amazon import Amazon
from tfxdr.datasets.readers import stream
from tfxdr.errors import InputError
from tfxdr.registry import datasets

# (reviewer, item, rating, time)
MOVIES = (
    ("A1", "B1", 5, 30),
    ("A1", "B2", 3, 10),
    ("A1", "B1", 5, 30),  # A copy.
    ("A1", "B1", 4, 40),  # The same film again.
    ("A2", "B3", 1, 20),
)
BOOKS = (("A1", "0001", 2, 15), ("A2", "0002", 5, 5), ("A3", "0001", 4, 6))
MOVIES_META = (
    {
        "asin": "B1",
        "title": 'It\'s "one"',
        "salesRank": {"Movies & TV": 376041},
        "price": 5.99,
        "related": {"also_bought": ["B7", "B8"]},
        "categories": [["Movies & TV", "Movies", "Drama"], ["Video"]],
    },
    {"asin": "B9", "categories": "none of the file's items"},
    {"asin": "B2", "categories": [["Movies & TV"]]},
    {"asin": "B3", "title": "Three", "description": "of no category"},
)
BOOKS_META = ({"asin": "0001", "title": "é", "categories": [["Books", "é"]]},)


def review(user, item, rating, time):
    """A line of the published 5-core files."""
    return json.dumps(
        {
            "reviewerID": user,
            "asin": item,
            "reviewerName": 'a "name"',
            "helpful": [0, 0],
            "reviewText": "first line\nsecond, line",
            "overall": float(rating),
            "summary": "{}",
            "unixReviewTime": time,
            "reviewTime": "06 5, 2013",
        }
    )


def lines_of(rows, make):
    return "".join(f"{make(row)}\n" for row in rows)


def as_json(rows):
    return lines_of(rows, lambda row: review(*row))


def as_csv(rows):
    return lines_of(rows, lambda row: "{},{},{}.0,{}".format(*row))


@pytest.fixture
def amazon(write):
    def make(movies="", books="", suffix=".json.gz", **meta):
        options = {
            name: str(write(f"{name}.json.gz", value))
            if isinstance(value, str)
            else value
            for name, value in meta.items()
        }
        return Amazon(
            str(write(f"reviews_Movies{suffix}", movies or as_json(MOVIES))),
            str(write(f"reviews_Books{suffix}", books or as_json(BOOKS))),
            **options,
        )

    return make


@pytest.mark.parametrize(
    ("suffix", "layout"),
    [
        (".json.gz", as_json),
        (".json", as_json),
        (".txt", as_json),
        (".csv.gz", as_csv),
        (".csv", as_csv),
    ],
)
def test_all_layouts_give_the_same(amazon, prepared, suffix, layout):
    data = prepared(amazon(layout(MOVIES), layout(BOOKS), suffix))
    users = data.users()
    assert users.ids.tolist() == [b"A1", b"A2", b"A3"]
    histories = [data.source_ids[row - 2].tolist() for row in users.history]
    assert histories == [["B2", "B1", "B1"], ["B3"], []]
    assert users.history_rating.tolist() == [3, 5, 4, 1]
    assert users.history_time.tolist() == [10, 30, 40, 20]
    targets = [data.target_ids[row - 2].tolist() for row in users.target]
    assert targets == [["0001"], ["0002"], ["0001"]]
    assert users.target_rating.tolist() == [2, 5, 4]
    counts = data.manifest["counts"]
    assert counts["repeated_source"] == 1
    assert counts["shared_users"] == 2
    assert data.source_categories is None and data.source_titles is None


@pytest.mark.parametrize("written", [repr, json.dumps])
def test_metadata(amazon, prepared, written):
    source = amazon(
        source_meta=lines_of(MOVIES_META, written),
        target_meta="\n" + lines_of(BOOKS_META, written),
    )
    data = prepared(source)
    assert data.source_ids.tolist() == ["B1", "B2", "B3"]
    assert data.source_categories.tolist() == ["Drama", "Movies & TV", ""]
    assert data.source_titles.tolist() == ['It\'s "one"', "", "Three"]
    assert data.target_ids.tolist() == ["0001", "0002"]
    assert data.target_categories.tolist() == ["é", ""]
    assert data.target_titles.tolist() == ["é", ""]
    assert "2 for 2 of 3 source items" in table1(data.manifest)


@pytest.mark.parametrize(
    ("level", "category"),
    [
        (-1, "Drama"),
        (-2, "Movies"),
        (-9, "Movies & TV"),
        (0, "Movies & TV"),
        (2, "Drama"),
        (9, "Drama"),
    ],
)
def test_the_level_of_the_category(amazon, prepared, level, category):
    meta = lines_of(MOVIES_META, repr)
    data = prepared(amazon(source_meta=meta, category_level=level))
    assert data.source_categories[0] == category


def test_an_item_with_two_lines_of_metadata(amazon, prepared):
    entries = [
        {"asin": "B1", "title": title, "categories": [[category]]}
        for title, category in (("", "x"), ("b", "y"), ("a", "y"))
    ]
    data = prepared(amazon(source_meta=lines_of(entries, repr)))
    assert data.source_categories.tolist() == ["y", "", ""]
    assert data.source_titles.tolist() == ["b", "", ""]
    assert data.manifest["counts"]["ambiguous_categories"] == 1


BAD_REVIEWS = [
    ("{'reviewerID': 'A1'}", "no JSON object: Expecting property name"),
    ('{"reviewerID": "A1"', "no JSON object.*at character 20"),
    ("[1]", "expected an object"),
    (review("", "B1", 1, 1), "column reviewerID: expected a text, found ''"),
    (review(7, "B1", 1, 1), "column reviewerID: expected a text, found 7"),
    (review("A1", None, 1, 1), "column asin: expected a text, found None"),
    (review("A1", "B1", 0, 1), "column overall: a rating is from 1 to 5"),
    (review("A1", "B1", 6, 1), "column overall.*found 6.0"),
    (review("A1", "B1", "nan", 1), "column overall: a rating is from 1 to 5"),
    (review("A1", "B1", 5, "1"), "column unixReviewTime: expected a number"),
    (review("A1", "B1", 5, True), "column unixReviewTime: expected a number"),
    (review("A1", "B1", 5, 1.5), "column unixReviewTime: expected a whole"),
    (review("A1", "B1", 5, 10**400), "column unixReviewTime: expected a whole"),
    ('{"asin": "B1"}', "column reviewerID: expected a text, found none"),
    (review("\ud800", "B1", 5, 1), "column reviewerID: half of a surrogate"),
    ('{"a":' * 50_000, "nested too deeply"),
    ('{"a":' + "9" * 5000 + "}", "no JSON object"),
]


@pytest.mark.parametrize(
    ("line", "message"), BAD_REVIEWS, ids=range(len(BAD_REVIEWS))
)
def test_a_malformed_review_is_named(amazon, prepared, line, message):
    movies = as_json(MOVIES[:1]) + "\n" + line + "\n" + as_json(MOVIES[1:])
    named = rf"reviews_Movies\.json\.gz, line 3.*{message}"
    with pytest.raises(InputError, match=named):
        prepared(amazon(movies))
    data = prepared(amazon(movies), max_bad_rows=1)
    assert data.manifest["counts"]["bad_rows"] == 1
    assert data.manifest["counts"]["source_events"] == 4


def test_as_many_bad_rows_as_allowed_over_all_files(amazon, prepared):
    movies = "{\n" + as_json(MOVIES)
    books = as_json(BOOKS) + "[]\n"
    meta = "x\n" + lines_of(MOVIES_META, repr)
    with pytest.raises(InputError, match="More than --max_bad_rows=2 rows"):
        prepared(amazon(movies, books, source_meta=meta), max_bad_rows=2)
    data = prepared(amazon(movies, books, source_meta=meta), max_bad_rows=3)
    places = [text.partition(":")[0] for text in data.manifest["bad_rows"]]
    assert [place.rpartition("/")[2] for place in places] == [
        "reviews_Movies.json.gz, line 1",
        "source_meta.json.gz, line 1",
        "reviews_Books.json.gz, line 4",
    ]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("A1,B1,5.0", "Expected Number of Columns: 4 Found: 3"),
        (",B1,5.0,1", "column user: the user is missing"),
        ("A1,,5.0,1", "column item: the item is missing"),
        ("A1,B1,many,1", 'column rating: Could not convert string "many"'),
        ("A1,B1,nan,1", "column rating: a rating is from 1 to 5"),
        ("A1,B1,0.0,1", "column rating: a rating is from 1 to 5"),
        ("A1,B1,5.0,then", 'column time: Could not convert string "then"'),
    ],
)
def test_a_malformed_rating_is_named(amazon, prepared, line, message):
    movies = as_csv(MOVIES) + line + "\n"
    options = {"books": as_csv(BOOKS), "suffix": ".csv"}
    named = rf"reviews_Movies\.csv, line 6.*{message}"
    with pytest.raises(InputError, match=named):
        prepared(amazon(movies, **options))
    data = prepared(amazon(movies, **options), max_bad_rows=1)
    assert data.manifest["counts"]["source_events"] == 4


def test_a_header_belongs_to_events(amazon, prepared):
    movies = "user,item,rating,timestamp\n" + as_csv(MOVIES)
    with pytest.raises(InputError, match="line 1: .*by --dataset=events"):
        prepared(amazon(movies, as_csv(BOOKS), ".csv"))


@pytest.mark.parametrize("name", ["reviews_Movies", "source_meta"])
def test_a_truncated_file(amazon, prepared, tmp_path, name):
    source = amazon(source_meta=lines_of(MOVIES_META, repr))
    path = tmp_path / f"{name}.json.gz"
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(InputError, match=f"{name}.json.gz is not a whole gzip"):
        prepared(source)


def test_several_batches_keep_the_order(amazon, prepared, monkeypatch):
    monkeypatch.setattr(stream, "_BATCH", 7)
    movies = [("A1", f"B{i}", 1 + i % 5, 100 - i // 10) for i in range(50)]
    data = prepared(amazon(as_json(movies)))
    expected = [
        f"B{10 * block + i}" for block in range(4, -1, -1) for i in range(10)
    ]
    users = data.users()
    assert data.source_ids[users.history[0] - 2].tolist() == expected
    ratings = [1 + int(item[1:]) % 5 for item in expected]
    assert users.history_rating.tolist() == ratings


def test_the_cache_tells_the_metadata_apart(amazon, prepared):
    meta = lines_of(MOVIES_META, repr)
    folders = {
        prepared(amazon(**options)).folder
        for options in (
            {},
            {"source_meta": meta},
            {"target_meta": meta},
            {"source_meta": meta, "category_level": 0},
        )
    }
    assert len(folders) == 4


def test_it_is_made_from_the_command_line(write):
    movies, books = (
        write(f"{name}.json", as_json(rows))
        for name, rows in (("m", MOVIES), ("b", BOOKS))
    )
    spec = datasets.parse(
        f"amazon(source='{movies}', target='{books}', category_level=-2)"
    )
    assert spec.build().category_level == -2
    with pytest.raises(InputError, match=r"amazon\(source_meta=...\): no such"):
        Amazon(str(movies), str(books), source_meta="none.json")
    with pytest.raises(InputError, match="files of two categories"):
        Amazon(str(movies), str(movies))
