"""One file with both domains, and categories of items, by `events`."""

import pytest

from tfxdr.data.summary import table1
from tfxdr.datasets.events import Events
from tfxdr.errors import InputError
from tfxdr.registry import datasets

HEADER = "user,item,category,rating,helpfulness,timestamp\n"
# The layout and the dirt of Ciao: ratings of 0, rows that are written twice,
# pairs that are rated again, items in two categories.
ROWS = (
    "1,10,1,5,4,100",
    "1,10,1,5,4,100",  # A copy.
    "1,10,1,5,2,100",  # A copy: helpfulness is not read.
    "1,10,1,5,4,101",  # The pair again, at another time.
    "1,10,1,4,4,101",  # And with another rating.
    "1,11,1,0,4,90",  # No rating.
    "1,20,2,3,4,110",
    "1,20,2,2,4,120",  # A target pair again: the latest stays.
    "1,30,24,5,4,130",  # Of neither domain.
    "2,11,1,1,4,100",
    "2,10,2,4,4,100",  # Item 10, in the other domain too.
    "2,21,2,0,4,100",
    "3,31,24,5,4,100",
    "3,32,,5,4,100",
)
PARTS = {"domain": "category", "source_domain": 1, "target_domain": 2}
RATED = {"rating": "rating", "source_min": 1.0, "target_min": 1.0}


@pytest.fixture
def one_file(write):
    def make(rows=ROWS, name="ratings.csv.gz", header=HEADER, **options):
        path = str(write(name, header + "\n".join(rows) + "\n"))
        return Events(path, path, **{**PARTS, **RATED, **options})

    return make


def test_one_file_with_two_domains(one_file, prepared):
    data = prepared(one_file())
    users = data.users()
    assert users.ids.tolist() == [b"1", b"2"]
    histories = [data.source_ids[row - 2].tolist() for row in users.history]
    assert histories == [["10", "10", "10"], ["11"]]
    assert users.history_time.tolist() == [100, 101, 101, 100]
    assert users.history_rating.tolist() == [5, 5, 4, 1]
    targets = [data.target_ids[row - 2].tolist() for row in users.target]
    assert targets == [["20"], ["10"]]
    assert users.target_rating.tolist() == [2, 4]
    found = {
        name: data.manifest["counts"][name]
        for name in (
            "repeated_source",
            "duplicate_targets",
            "filtered_source",
            "filtered_target",
            "other_domains",
            "items_in_both",
            "bad_rows",
        )
    }
    assert found == {
        "repeated_source": 2,
        "duplicate_targets": 1,
        "filtered_source": 1,
        "filtered_target": 1,
        "other_domains": 3,
        "items_in_both": 1,
        "bad_rows": 0,
    }
    # Every row is accounted for.
    counts = data.manifest["counts"]
    kept = counts["source_events"] + counts["target_instances"]
    left_out = sum(found.values()) - found["items_in_both"]
    assert kept + left_out == len(ROWS)


def test_the_report_names_what_was_left_out(one_file, prepared):
    text = table1(prepared(one_file()).manifest)
    for line in (
        "ratings           4 source events, 2 target instances",
        "2 copies of source events were left out",
        "1 source events were left out by their rating",
        "1 target events were left out by their rating",
        "3 rows of other domains were left out",
        "1 items are in both domains; each has two ids",
    ):
        assert line in text.splitlines()
    assert "categories" not in text


def test_a_rating_of_0_stays_where_nothing_filters_it(one_file, prepared):
    data = prepared(one_file(source_min=None, target_min=None))
    assert data.users().history_rating.tolist() == [0, 5, 5, 4, 1]
    assert data.manifest["counts"]["filtered_source"] == 0


@pytest.mark.parametrize("missing", ["rating", "time"])
def test_without_ratings_or_times_copies_are_events(
    one_file, prepared, missing
):
    rows = [row for row in ROWS if ",0,4," not in row]
    filters = {"source_min": None, "target_min": None}
    data = prepared(one_file(rows, **filters, **{missing: ""}))
    assert data.manifest["counts"]["repeated_source"] == 0
    assert data.users().history.lengths.tolist() == [5, 1]
    assert (data.users().history_rating is None) == (missing == "rating")


def test_copies_and_late_events_are_told_apart(one_file, prepared):
    rows = ["1,10,1,5,0,1", "1,10,1,5,0,1", "1,10,1,5,0,9", "1,10,1,5,0,9"]
    rows += [f"1,{20 + i},2,5,0,{i}" for i in range(6)]
    counts = prepared(
        one_file(rows), split="time", split_fractions=(0.5, 0.2, 0.3)
    ).manifest["counts"]
    assert counts["late_events"] == 2
    assert counts["repeated_source"] == 1
    assert counts["source_events"] == 1


def test_a_bad_row_of_the_one_file_counts_once(one_file, prepared):
    rows = [*ROWS, "1,12,1,many,4,100", ",12,2,4,4,100"]
    with pytest.raises(InputError, match=r"line 16, column rating"):
        prepared(one_file(rows))
    data = prepared(one_file(rows), max_bad_rows=2)
    assert data.manifest["counts"]["bad_rows"] == 2


def test_two_files_with_a_domain_column(write, prepared):
    source = write("s.csv", HEADER + "1,10,a'b,5,4,1\n1,11,c,5,4,2\n")
    target = write("t.csv", HEADER + "1,20,a'b,5,4,1\n1,21,d,5,4,2\n")
    domains = {"source_domain": "a'b", "target_domain": "d"}
    data = prepared(
        Events(str(source), str(target), domain="category", **domains)
    )
    assert data.source_ids.tolist() == ["10"]
    assert data.target_ids.tolist() == ["21"]
    assert data.manifest["counts"]["other_domains"] == 2


def test_the_domains_are_options_of_the_cache(one_file, prepared):
    first = prepared(one_file())
    other = prepared(one_file(target_domain=24))
    assert first.folder != other.folder
    assert prepared(one_file(target_domain="24")).folder == other.folder


def test_numbers_as_domains_from_the_command_line(write):
    path = write("ratings.csv", HEADER + "\n".join(ROWS) + "\n")
    spec = datasets.parse(
        f"events(source='{path}',target='{path}',domain=category,"
        "source_domain=1,target_domain=2,rating=rating)"
    )
    assert spec.build().source_domain == "1"


def test_parquet_with_numbers_as_domains(tmp_path, prepared):
    import duckdb

    path = str(tmp_path / "all.parquet")
    duckdb.sql(
        "SELECT 1 AS user, 5 AS item, 1 AS kind, 1 AS timestamp UNION ALL "
        "SELECT 1, 6, 2, 2 UNION ALL SELECT 1, 7, NULL, 2"
    ).write_parquet(path)
    options = {"domain": "kind", "source_domain": 1, "target_domain": 2}
    data = prepared(Events(path, path, category="kind", **options))
    assert data.source_ids.tolist() == ["5"]
    assert data.target_categories.tolist() == ["2"]
    assert data.manifest["counts"]["other_domains"] == 1


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"source_domain": ""}, "go together, but source_domain is not set"),
        (
            {"domain": ""},
            "source_domain, target_domain go together, but domain",
        ),
        (
            {"source_domain": "", "target_domain": ""},
            "but source_domain and target_domain are not set",
        ),
    ],
)
def test_domains_go_together(one_file, options, message):
    with pytest.raises(InputError, match=message):
        one_file(**options)


def test_a_domain_that_no_row_is_of(one_file, prepared):
    with pytest.raises(InputError) as caught:
        prepared(one_file(target_domain="Books"))
    message = str(caught.value)
    assert "--dataset=events(target_domain=Books)" in message
    assert "no row of" in message and "'Books' in column 'category'" in message
    assert "'1' (7 rows), '2' (4 rows), '24' (2 rows)" in message


def test_a_domain_column_that_is_not_there(one_file, prepared):
    with pytest.raises(InputError) as caught:
        prepared(one_file(domain="kategory"))
    message = str(caught.value)
    assert "no column 'kategory' (the domain); did you mean 'category'?" in (
        message
    )
    assert message.endswith("say which by --dataset=events(domain=COLUMN)")


def test_categories(write, prepared):
    source = write(
        "s.csv",
        "user,item,genre,timestamp\n"
        "1,a,y,1\n1,a,x,2\n2,a,x,3\n"  # x, twice
        "1,b,z,4\n1,b,é,5\n1,b,y,6\n"  # y, the first of three
        "1,c,,7\n"  # none
        '1,d,"v\nw",8\n2,d,,9\n',  # one with a line break
    )
    target = write("t.csv", "user,item,kind,timestamp\n1,t,k,1\n2,u,,1\n")
    data = prepared(
        Events(
            str(source),
            str(target),
            category="genre",
            target_category="kind",
        )
    )
    categories = dict(zip(data.source_ids, data.source_categories, strict=True))
    assert categories == {"a": "x", "b": "y", "c": "", "d": "v\nw"}
    assert data.target_ids.tolist() == ["t", "u"]
    assert data.target_categories.tolist() == ["k", ""]
    assert data.manifest["counts"]["ambiguous_categories"] == 2
    text = table1(data.manifest)
    assert (
        "categories        3 for 3 of 4 source items, "
        "1 for 1 of 2 target items" in text
    )
    assert "2 items in several categories got the main one" in text


def test_categories_of_one_domain_alone(write, prepared):
    source = write("s.csv", "user,item,timestamp\n1,a,1\n")
    target = write("t.csv", "user,item,kind,timestamp\n1,t,k,1\n")
    data = prepared(Events(str(source), str(target), target_category="kind"))
    assert data.source_categories is None
    assert data.target_categories.tolist() == ["k"]


def test_a_category_column_that_is_not_there(write, prepared):
    path = str(write("s.csv", "user,item,timestamp\n1,a,1\n"))
    other = str(write("t.csv", "user,item,timestamp\n1,a,2\n"))
    with pytest.raises(InputError, match="or target_category if only the targ"):
        prepared(Events(path, other, category="genre"))
