"""Where a row of a text begins and ends: none swallows another."""

import gzip

import pytest

from tfxdr.errors import InputError

HEAD = "user,item,timestamp,note\n"
ROWS = {"mia": ["bag", "cap"], "tom": ["bag", "hat"], "eve": ["cap"]}


def table(notes, delimiter=","):
    """Five rows with these notes in a column that is not read."""
    rows = [
        ("mia", "bag", 1690000100),
        ("mia", "cap", 1690000200),
        ("tom", "bag", 1690000300),
        ("tom", "hat", 1690000400),
        ("eve", "cap", 1690000500),
    ]
    lines = [
        delimiter.join((user, item, str(time), note))
        for (user, item, time), note in zip(rows, notes, strict=True)
    ]
    return HEAD.replace(",", delimiter) + "\n".join(lines) + "\n"


@pytest.mark.parametrize("delimiter", ["\t", ";", "|"])
@pytest.mark.parametrize(
    "notes",
    [
        ("ok", '"starts', "ok", 'ends"', "ok"),
        ("ok", '"starts', "ok", '6"', "ok"),
        ('"a', "b", "c", "d", 'e"'),
        ("ok", '"never', "ok", "ok", "ok"),
        ('15" screen', 'a "b" c', "ok", '""', '"x" y'),
        ("ok", "ok", "ok", "ok", '"last'),
    ],
)
def test_a_stray_quote_swallows_no_row(read, notes, delimiter):
    found = read(table(notes, delimiter))
    assert found.histories == ROWS
    assert found.counts["source_rows"] == 5


def test_a_stray_quote_is_told(read):
    found = read(table(("ok", '"starts', "ok", 'ends"', "ok"), "\t"))
    assert "1 rows, the first in line 3, have a quote mark" in found.notes


def test_a_stray_quote_in_an_id_is_named(read):
    source = 'user,item,timestamp\nmia,"bag,1\ntom,hat,2\neve,"cap",3\n'
    with pytest.raises(InputError, match=r"views\.csv, line 2.*quote=''"):
        read(source)
    found = read(source, max_bad_rows=1)
    assert found.histories == {"mia": [], "tom": ["hat"], "eve": ["cap"]}
    assert read(source, quote="").histories["mia"] == ['"bag']


def test_texts_that_span_lines(read):
    notes = ('"two\nlines, and\n""more"""', "ok", '"a,b"', "ok", '"x\n\ny"')
    found = read(table(notes))
    assert found.histories == ROWS
    assert found.counts["source_rows"] == 5


def test_a_bad_row_behind_texts_that_span_lines_has_its_line(read):
    notes = ('"two\nlines"', "ok", '"three\nlines\nlong"', "ok", "ok")
    source = table(notes) + ",bag,1690000600,no user\n"
    with pytest.raises(InputError, match=r"views\.csv, line 10, column user"):
        read(source)


def test_quotes_escaped_by_a_backslash(read):
    notes = (r'"a \"b\", c"', "ok", r'"6\" by 3\", red"', "ok", "ok")
    found = read(table(notes))
    assert found.histories == ROWS
    assert 'quote " with \\ before it inside' in found.notes


def test_a_backslash_at_the_end_of_a_text_escapes_nothing(read):
    notes = ('"C:\\new\\"', "ok", '"say ""hi"", Tom"', "ok", "ok")
    assert read(table(notes)).histories == ROWS


def test_another_quote(read):
    notes = ("'a, b'", "ok", "'it''s'", "ok", 'a " b')
    assert read(table(notes), quote="'").histories == ROWS


@pytest.mark.parametrize(
    "ends",
    [
        ("\n", "\r\n"),
        ("\r\n", "\n"),
        ("\r\n",),
        ("\r",),
        ("\n\n", "\n"),
        ("\r\n\r\n", "\r\n"),
    ],
)
@pytest.mark.parametrize("last", [True, False])
def test_line_ends(read, ends, last):
    lines = table(["ok"] * 5).splitlines()
    source = "".join(
        line + ends[place % len(ends)] for place, line in enumerate(lines)
    )
    found = read((source if last else source.rstrip("\r\n")).encode())
    assert found.histories == ROWS


def test_fields_of_any_length(read):
    notes = ("x" * 200_000, "ok", "y" * 9_000_000, "ok", '"' + "z" * 300_000)
    source = table(notes) + ",bag,1690000600,no user\n"
    with pytest.raises(InputError, match=r"views\.csv, line 7, column user"):
        read(source)
    assert read(source, max_bad_rows=1).histories == ROWS


def test_a_thousand_columns_that_are_not_read(read):
    more = "," + ",".join(f"c{place}" for place in range(1000))
    rows = [
        f"u{place % 7},i{place % 5},{1690000000 + place}" + ",x" * 1000
        for place in range(50)
    ]
    source = "user,item,timestamp" + more + "\n" + "\n".join(rows) + "\n"
    target = "user,item,timestamp\nu1,pen,1690000000\n"
    assert read(source, target).counts["source_events"] == 50


@pytest.mark.parametrize("delimiter", [",", "\t", ";", "|", " ", "::", "\x01"])
def test_delimiters(read, delimiter):
    found = read(table(["ok"] * 5, delimiter))
    assert found.histories == ROWS
    assert "delimiter" in found.notes


def test_columns_that_spaces_align(read):
    source = "user item  timestamp\nmia  bag   1690000100\n"
    source += 'tom  "red hat" 1690000200 \n eve  cap   1690000300\n'
    found = read(source)
    assert found.histories == {
        "mia": ["bag"],
        "tom": ["red hat"],
        "eve": ["cap"],
    }


def test_a_delimiter_that_is_said(read):
    # By the number of names alone, a comma would be as good.
    source = "user;item;timestamp;a,b,c,d\nmia;bag;1690000100;1,2,3,4\n"
    options = {"user": 1, "item": 2, "time": 3, "header": True}
    found = read(source, delimiter="semicolon", target_delimiter=",", **options)
    assert found.histories["mia"] == ["bag"]
    with pytest.raises(InputError, match="no column 'user'"):
        read(table(["ok"] * 5), delimiter=";")


def test_bytes_that_are_no_utf8_in_a_column_that_is_not_read(read):
    source = table(["ok", "caf\u00e9", "ok", "ok", "ok"]).encode("latin-1")
    assert read(source).histories == ROWS
    # Nor where rows are read one by one.
    assert read(source.replace(b"\n", b"\r\n", 1)).histories == ROWS


def test_rows_with_too_few_fields_are_counted(read):
    source = table(["ok"] * 5).replace("tom,bag,1690000300,ok", "tom,bag")
    for text in (source, source.replace("\n", "\r\n", 1)):
        with pytest.raises(InputError, match="line 4.*4 Found: 2"):
            read(text.encode())
        assert read(text.encode(), max_bad_rows=1).counts["source_bad"] == 1


def test_a_null_byte_in_a_text_is_part_of_it(read):
    assert read(table(["ok", "a\0b", "ok", "ok", "ok"])).histories == ROWS


def test_a_damaged_gzip_inside_a_zip_is_refused(read, tmp_path):
    content = gzip.compress(table(["ok"] * 5).encode())[:-20]
    (tmp_path / "views.csv.gz").write_bytes(content)
    with pytest.raises(InputError, match="not a whole gzip"):
        read(tmp_path / "views.csv.gz")
