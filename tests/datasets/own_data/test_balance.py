"""Every row comes out as an event, or stands in a count with its reason."""

import pytest

from tfxdr.data.summary import balance, table1
from tfxdr.datasets.amazon import Amazon
from tfxdr.datasets.events import Events
from tfxdr.datasets.movielens import MovieLens


def test_the_balance_of_two_tables(read):
    head = "user,item,timestamp,stars\n"
    source = head + (
        "mia,bag,1,5\nmia,bag,1,5\nmia,cap,2,1\n,x,3,5\ntom,y\n"
        "mia,d,4,5\nmia,e,5,5\nmia,f,9,5\n"
    )
    target = head + "mia,pen,6,5\nmia,pen,7,5\nmia,ink,8,2\ntom,pen,9,5\n"
    found = read(
        source,
        target,
        rating="stars",
        source_min=2,
        target_min=3,
        max_bad_rows=2,
    )
    lines = balance(found.counts)
    assert lines == [
        "source rows       8 = 4 events + 2 malformed + 1 left out by their "
        "rating + 1 copies",
        "target rows       4 = 2 instances + 1 left out by their rating + 1 "
        "repeated (user, target) pairs",
    ]
    assert set(lines) <= set(table1(found.data.manifest).splitlines())


def test_rows_past_the_cut_and_the_history(read, prepared, write):
    head = "user,item,timestamp\n"
    source = head + "".join(f"mia,i{step},{step}\n" for step in range(30))
    target = head + "".join(f"mia,t{step},{step + 5}\n" for step in range(10))
    data = prepared(
        Events(str(write("s.csv", source)), str(write("t.csv", target))),
        split="time",
        split_fractions=(0.6, 0.2, 0.2),
        max_history=4,
    )
    assert balance(data.manifest["counts"])[0] == (
        "source rows       30 = 4 events + 19 at or after the time cut + 7 "
        "older than histories reach"
    )


def test_one_table_for_both_domains(prepared, write):
    rows = "user,item,timestamp,shop\nmia,a,1,x\nmia,b,2,y\nmia,c,3,z\n,d,4,x\n"
    path = str(write("all.csv", rows))
    options = {"source_domain": "x", "target_domain": "y"}
    data = prepared(
        Events(path, path, domain="shop", **options), max_bad_rows=1
    )
    for line in balance(data.manifest["counts"]):
        assert " rows       4 = 1 " in line
        assert line.endswith("+ 1 malformed + 2 of another domain or none")


def test_lists_and_the_balance(read):
    source = '{"user": "mia", "item": ["a", "b"], "timestamp": 1}\n'
    found = read(source, name="views.jsonl")
    assert balance(found.counts)[0] == (
        "source rows       1 + 1 more of lists = 2 events"
    )


def test_a_row_that_vanishes_is_an_error():
    counts = {"source_rows": 3, "source_events": 2}
    with pytest.raises(RuntimeError, match="3 source rows went in"):
        balance(counts)
    assert balance({"source_events": 2}) == []


def test_the_balance_of_movielens(prepared, write):
    ratings = "1\t1\t3\t1\n1\t2\t5\t2\n1\t3\t4\t3\n2\t2\t9\t1\n"
    write("ml/u.data", ratings)
    path = write("ml/u.item", "1|A|x\n2|B|x\n3|C|x\n").parent
    data = prepared(MovieLens(str(path)), max_bad_rows=1)
    assert balance(data.manifest["counts"]) == [
        "source rows       4 = 1 events + 1 malformed + 2 of another domain "
        "or none",
        "target rows       4 = 1 instances + 1 malformed + 2 of another "
        "domain or none",
    ]


def test_the_balance_of_amazon(prepared, write):
    paths = [
        str(write(name, text))
        for name, text in (
            ("a.csv", "A,M,5.0,1\nA,M,5.0,1\nB,M,9.0,1\n"),
            ("b.csv", "A,N,5.0,1\n"),
        )
    ]
    data = prepared(Amazon(*paths), max_bad_rows=1)
    assert balance(data.manifest["counts"])[0] == (
        "source rows       3 = 1 events + 1 malformed + 1 copies"
    )


def test_what_was_found_is_said_anew_of_prepared_data(read):
    source = "user,item,timestamp\nmia,bag,1690000000\n"
    first = read(source)
    again = read(source)
    told = "views.csv: encoding utf-8, delimiter ',', a header, times are num"
    for found in (first, again):
        assert any(line.startswith(told) for line in found.said)
    assert "from an earlier run" in "\n".join(again.said)
