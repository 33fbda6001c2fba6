"""Lines of metadata that are wrong, huge or meant to do harm."""

import tracemalloc

import duckdb
import pytest

from tfxdr.datasets.readers import review_files, stream
from tfxdr.datasets.readers.rejects import Rejects
from tfxdr.datasets.readers.review_files import (
    is_json,
    read_metadata,
    read_reviews,
)
from tfxdr.errors import InputError

GOOD = "{'asin': 'B1', 'categories': [['x', 'y']]}"


@pytest.fixture
def read(write):
    """Reads lines of metadata of item B1; returns (rows, bad rows)."""

    def read_lines(*lines, allowed=100, items=("B1",), level=-1):
        path = write("meta.json", "\n".join(lines) + "\n")
        rejects = Rejects(allowed)
        with duckdb.connect() as connection:
            read_metadata(connection, rejects, "meta", path, {*items}, level)
            rows = connection.execute("FROM meta ORDER BY row").fetchall()
        return rows, rejects.rows

    return read_lines


def test_rows_are_numbered_by_their_lines(read):
    rows, bad = read("", GOOD, "nonsense", " ", GOOD)
    assert rows == [("B1", "y", "", 2), ("B1", "y", "", 5)]
    assert [row.line for row in bad] == [3]


def long(unit):
    return unit * ((review_files._MAX_LINE - 10) // len(unit))


HOSTILE = {
    "call": "__import__('os').system('touch {mark}')",
    "value": "{'asin': 'B1', 'title': open('{mark}', 'w')}",
    "comprehension": "{'asin': 'B1', 'a': [open('{mark}', 'w') for _ in 'a']}",
    "key": "{'asin': 'B1', open('{mark}', 'w'): 1}",
    "formatted": "{'asin': 'B1', 'a': f\"{open('{mark}', 'w')}\"}",
    "walrus": "{'asin': (a := open('{mark}', 'w'))}",
    "lambda": "(lambda: open('{mark}', 'w'))()",
    "power": "{'asin': 'B1', 'a': 9**9**9**9}",
    "repeat": "{'asin': 'B1', 'a': 'a' * 10**12}",
    "unhashable": "{'asin': 'B1', []: 1}",
    "null byte": "{'asin': 'B1'\0}",
    "digits": "{'asin': " + "9" * 5000 + "}",
    "brackets": long("["),
    "braces": long("{'a':"),
    "braces of JSON": long('{"a":'),
    "minus": long("-") + "1",
    "not": long("not ") + "1",
    "sum": long("1+") + "1",
    "attributes": "a" + long(".a"),
    "choices": long("a if a else ") + "a",
    "open": "{'asin': 'B1'",
    "two lines": "{'asin': 'B1'}; {'asin': 'B1'}",
    "list": "['asin', 'B1']",
    "set": "{'asin'}",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_line_is_a_bad_row(read, tmp_path, name):
    mark = tmp_path / "executed"
    line = HOSTILE[name].replace("{mark}", str(mark))
    rows, bad = read(GOOD, line, GOOD)
    assert not mark.exists()
    assert [row[-1] for row in rows] == [1, 3]
    assert [row.line for row in bad] == [2]
    assert " at 0x" not in str(bad[0])
    assert "line 1" not in str(bad[0])
    assert len(str(bad[0])) < 500
    with pytest.raises(InputError, match=r"meta\.json, line 2"):
        read(GOOD, line, allowed=0)


@pytest.mark.parametrize(
    ("line", "column", "problem"),
    [
        ("{'title': 'x'}", "asin", "found none"),
        ("{'title': 1, 'asin': 5}", "asin", "expected a text, found 5"),
        ("{'asin': 'B1', 'categories': 'x'}", "categories", "found 'x'"),
        ("{'asin': 'B1', 'categories': ['x']}", "categories", "lists of texts"),
        ("{'asin': 'B1', 'categories': [[1]]}", "categories", "[[1]]"),
        ("{'asin': 'B1', 'categories': None}", "categories", "found None"),
        (
            r"{'asin': 'B1', 'categories': [['\ud800']]}",
            "categories",
            "half of a surrogate",
        ),
    ],
)
def test_a_wrong_key_is_named(read, line, column, problem):
    rows, bad = read(line)
    assert rows == []
    assert bad[0].column == column
    assert problem in bad[0].problem


@pytest.mark.parametrize("categories", ["[]", "[[]]", "[[''], ['x']]"])
def test_an_empty_path_is_no_category(read, categories):
    rows, bad = read(f"{{'asin': 'B1', 'categories': {categories}}}")
    assert rows == [("B1", "", "", 1)] and bad == []


@pytest.mark.parametrize("title", ["None", "5", r"'\udc00'", "'  '"])
def test_a_title_that_is_no_text_is_none(read, title):
    rows, bad = read(f"{{'asin': 'B1', 'title': {title}}}")
    assert rows == [("B1", "", "", 1)] and bad == []


def test_an_unknown_escape_raises_no_warning(read, recwarn):
    rows, _ = read(r"{'asin': 'B1', 'title': '\d'}")
    assert rows == [("B1", "", r"\d", 1)]
    assert not recwarn.list


def test_items_that_do_not_occur(read):
    other = "{'title': 'first', 'asin': 'B2'}"
    escaped = r"{'asin': 'B\x31', 'title': 'x'}"
    rows, bad = read("{'asin': 'B2', broken", other, escaped, GOOD)
    assert [row[0] for row in rows] == ["B1", "B1"]
    assert bad == []


def test_a_line_that_is_too_long(read, monkeypatch):
    monkeypatch.setattr(review_files, "_MAX_LINE", 60)
    exact = GOOD[:-1] + " " * (60 - len(GOOD) - 1) + "}"
    rows, bad = read(exact, "x" * 200, "{'a'" + " " * 57, GOOD)
    assert [row[-1] for row in rows] == [1, 4]
    assert [row.line for row in bad] == [2, 3]
    assert "longer than 60 characters" in str(bad[0])


def test_memory_is_that_of_a_batch(write):
    line = '{"reviewerID": "A%d", "asin": "B%d", "overall": 5, '
    line += '"unixReviewTime": %d, "reviewText": "' + "x" * 500 + '"}\n'
    peaks = []
    for number in (1_000, 8_000):
        path = write("r.json", "".join(line % (i, i, i) for i in range(number)))
        with duckdb.connect() as connection, pytest.MonkeyPatch.context() as m:
            m.setattr(stream, "_BATCH", 200)
            tracemalloc.start()
            read_reviews(connection, Rejects(), "source", path)
            peaks.append(tracemalloc.get_traced_memory()[1])
            tracemalloc.stop()
            count = connection.execute("SELECT count(*) FROM source").fetchone()
        assert count == (number,)
    assert peaks[1] < 1.5 * peaks[0]


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("a.json", "A1,B1,5,1", True),
        ("a.jsonl.gz", "[]", True),
        ("a.txt", "{}", True),
        ("a.txt", "\ufeff{}", True),
        ("a.csv", "A1,B1,5,1", False),
        ("a.gz", "A1,B1,5,1", False),
    ],
)
def test_what_a_file_is(write, name, content, expected):
    assert is_json(write(name, content)) is expected
