import duckdb
import pytest

from tfxdr.datasets.readers.delimited import read_delimited
from tfxdr.datasets.readers.layout import Layout, first_line
from tfxdr.datasets.readers.rejects import Rejects
from tfxdr.errors import InputError

LAYOUT = Layout(
    {"user": "VARCHAR", "item": "VARCHAR", "rating": "DOUBLE"}, ",", header=True
)
HEADER = "user,item,rating\n"


def read(path, layout=LAYOUT, max_bad_rows=0, keep=()):
    rejects = Rejects(max_bad_rows)
    with duckdb.connect() as connection:
        read_delimited(connection, rejects, "t", path, layout, keep)
        rows = connection.execute("SELECT * FROM t ORDER BY rowid").fetchall()
    return rows, rejects


def test_quotes_line_ends_and_last_line(write):
    text = HEADER + '"a,1","x ""y""",1\nb,"line\nbreak",2.5'
    assert read(write("a.csv", text))[0] == [
        ("a,1", 'x "y"', 1.0),
        ("b", "line\nbreak", 2.5),
    ]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_line_ends(write, end):
    text = (HEADER + "a,b,1\nc,d,2\n").replace("\n", end)
    assert read(write("a.csv", text))[0] == [("a", "b", 1.0), ("c", "d", 2.0)]


def test_mixed_line_ends(write):
    path = write("a.csv", HEADER + "a,b,1\r\nc,d,2\n")
    assert read(path)[0] == [("a", "b", 1.0), ("c", "d", 2.0)]


def test_an_empty_field_is_a_text_but_no_number(write):
    assert read(write("a.csv", HEADER + ",b,1\n"))[0] == [("", "b", 1.0)]
    with pytest.raises(InputError, match="line 2, column rating"):
        read(write("b.csv", HEADER + "a,b,\n"))


@pytest.mark.parametrize("name", ["a.csv", "a.csv.gz"])
@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("c,d,bad", 'column rating: Could not convert string "bad"'),
        ("c,d", "Expected Number of Columns: 3 Found: 2"),
        ("c,d,1,2", "Expected Number of Columns: 3 Found: 4"),
        (b"c,\xff,1", "column item: Invalid unicode"),
    ],
)
def test_a_malformed_row_is_named(write, name, row, message):
    row = row if isinstance(row, bytes) else row.encode()
    text = HEADER.encode() + b"a,b,1\n" * 5000 + row + b"\na,b,1\n"
    path = write(name, text)
    with pytest.raises(InputError) as caught:
        read(path)
    assert f"{path}, line 5002" in str(caught.value)
    assert message in str(caught.value)
    assert "--max_bad_rows" in str(caught.value)


def test_line_numbers_count_lines_not_records(write):
    text = HEADER + 'a,"x\ny\nz",1\n\n\nb,c,bad\nd,e,bad\n'
    with pytest.raises(InputError, match="line 7, column rating"):
        read(write("a.csv", text))
    _, rejects = read(write("a.csv", text), max_bad_rows=2)
    assert [bad.line for bad in rejects.rows] == [7, 8]


def test_bad_rows_are_counted_up_to_the_limit(write):
    text = HEADER + "a,b,1\nc,d\ne,f,x\ng,h,2\n"
    rows, rejects = read(write("a.csv", text), max_bad_rows=2)
    assert rows == [("a", "b", 1.0), ("g", "h", 2.0)]
    assert len(rejects) == 2  # A short row counts once.
    with pytest.raises(InputError, match="More than --max_bad_rows=1"):
        read(write("a.csv", text), max_bad_rows=1)


def test_a_file_of_bad_rows_stops_early(write):
    path = write("a.csv", HEADER + "a;b;1\n" * 20_000)
    with pytest.raises(InputError, match="line 2"):
        read(path)


def test_columns_that_are_not_read_still_count(write):
    layout = Layout(dict.fromkeys("abc", "VARCHAR"), ",", header=True)
    path = write("a.csv", "a,b,c\n1,2,3\n4,5\n")
    with pytest.raises(InputError, match="line 3"):
        read(path, layout, keep=["a"])


def test_first_line(write):
    assert first_line(write("a.csv", "\ufeffuser,item\r\n1,2\r\n")) == (
        "user,item"
    )
    assert first_line(write("a.csv.gz", "x\ny")) == "x"
