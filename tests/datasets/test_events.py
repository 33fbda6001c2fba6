import pytest

from tfxdr.datasets.events import Events
from tfxdr.errors import InputError
from tfxdr.registry import datasets

SOURCE = "user,item,timestamp\nann,a,3\nann,b,1\nbob,a,2\n"
TARGET = "user,item,timestamp\nann,x,5\nbob,y,6\ncid,x,7\n"


@pytest.fixture
def events(write):
    def make(source=SOURCE, target=TARGET, suffix=".csv", **options):
        return Events(
            str(write(f"source{suffix}", source)),
            str(write(f"target{suffix}", target)),
            **options,
        )

    return make


def histories(data):
    return {
        user.decode(): data.source_ids[row - 2].tolist()
        for user, row in zip(
            data.users().ids, data.users().history, strict=True
        )
    }


def targets(data):
    return {
        user.decode(): data.target_ids[row - 2].tolist()
        for user, row in zip(data.users().ids, data.users().target, strict=True)
    }


@pytest.mark.parametrize("suffix", [".csv", ".csv.gz"])
def test_two_tables(events, prepared, suffix):
    data = prepared(events(suffix=suffix))
    assert histories(data) == {"ann": ["b", "a"], "bob": ["a"], "cid": []}
    assert targets(data) == {"ann": ["x"], "bob": ["y"], "cid": ["x"]}
    # By frequency, then by raw id.
    assert data.source_ids.tolist() == ["a", "b"]
    assert data.num_source_items == 4


@pytest.mark.parametrize("delimiter", ["\t", ";", "|"])
def test_delimiters_and_other_columns(events, prepared, delimiter):
    source = SOURCE.replace("item", "Item,item").replace(",a", ",-,a")
    source = source.replace(",b", ",-,b").replace(",", delimiter)
    data = prepared(events(source=source))
    assert histories(data)["ann"] == ["b", "a"]


def test_names_of_columns(events, prepared):
    source = "uid,sku,at\nann,a,2\nann,b,1\n"
    target = "customer,product,at\nann,x,1\n"
    source = events(
        source,
        target,
        user="uid",
        item="sku",
        time="at",
        target_user="customer",
        target_item="product",
    )
    assert histories(prepared(source)) == {"ann": ["b", "a"]}


def test_without_times_rows_are_in_order(events, prepared):
    data = prepared(events(time=""))
    assert histories(data)["ann"] == ["a", "b"]
    assert data.users().history_time is None


def test_dates(events, prepared):
    source = (
        "user,item,timestamp\nann,a,2024-05-31\n"
        "ann,b,2024-05-31 12:00:00.5\nann,c,2024-05-31T12:00:00+02:00\n"
    )
    target = "user,item,timestamp\nann,x,2024-06-01T00:00:00Z\n"
    data = prepared(events(source, target))
    assert histories(data) == {"ann": ["a", "c", "b"]}
    assert data.users().target_time.tolist() == [1717200000_000000]


def test_numbers_and_dates_do_not_mix(events, prepared):
    target = "user,item,timestamp\nann,x,2024-06-01\n"
    with pytest.raises(InputError, match="must be of one kind"):
        prepared(events(target=target))


def test_ratings_filter(events, prepared):
    source = "user,item,timestamp,stars\nann,a,1,2\nann,b,2,4\nann,c,3,5\n"
    target = "user,item,timestamp,stars\nann,x,1,5\nann,y,2,1\n"
    options = {"rating": "stars", "source_min": 4.0, "target_max": 4.5}
    data = prepared(events(source, target, **options))
    assert histories(data) == {"ann": ["b", "c"]}
    assert targets(data) == {"ann": ["y"]}
    assert data.users().target_rating.tolist() == [1.0]
    with pytest.raises(InputError, match="need the option rating"):
        events(source, target, source_min=4.0)


@pytest.mark.parametrize("compression", ["snappy", "zstd"])
def test_parquet(tmp_path, prepared, compression):
    import duckdb

    paths = [str(tmp_path / f"{name}.parquet") for name in ("s", "t")]
    queries = (
        "SELECT 1 AS user, 'a' AS item, TIMESTAMP '2024-01-02' AS timestamp "
        "UNION ALL SELECT 1, 'b', TIMESTAMP '2024-01-01'",
        "SELECT 1 AS user, 5 AS item, TIMESTAMP '2024-01-02' AS timestamp",
    )
    for path, query in zip(paths, queries, strict=True):
        duckdb.sql(query).write_parquet(path, compression=compression)
    data = prepared(Events(*paths))
    assert histories(data) == {"1": ["b", "a"]}
    assert targets(data) == {"1": ["5"]}


def test_a_damaged_parquet(events, prepared):
    with pytest.raises(InputError, match=r"source\.parquet is not readable"):
        prepared(events(suffix=".parquet"))


def test_missing_values_in_parquet(tmp_path, prepared, write):
    import duckdb

    path = str(tmp_path / "s.parquet")
    duckdb.sql(
        "SELECT 'ann' AS user, 'a' AS item, 1 AS timestamp "
        "UNION ALL SELECT NULL, 'b', 2"
    ).write_parquet(path)
    source = Events(path, str(write("t.csv", TARGET)))
    with pytest.raises(InputError, match="line 2, column user: the user is mi"):
        prepared(source)
    assert histories(prepared(source, max_bad_rows=1))["ann"] == ["a"]


def test_a_missing_column(events, prepared):
    source = SOURCE.replace("user,", "user_id,")
    with pytest.raises(InputError) as caught:
        prepared(events(source))
    message = str(caught.value)
    for part in (
        "source.csv: no column 'user'",
        "did you mean 'user_id'?",
        "'user_id', 'item', 'timestamp'",
        "--dataset=events(user=COLUMN)",
    ):
        assert part in message


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (",b,4", "column user: the user is missing"),
        ("ann,,4", "column item: the item is missing"),
        ("ann,b,", "column timestamp: the time should be a number"),
        ("ann,b,soon", "column timestamp: the time should be a number"),
        ("ann,b", "Expected Number of Columns: 3 Found: 2"),
    ],
)
def test_a_malformed_row_is_named(events, prepared, row, message):
    source = (
        'user,item,timestamp\n"an\nn",a,1\n\nann,a,1\n' + row + "\nann,c,9\n"
    )
    with pytest.raises(InputError, match=rf"source\.csv, line 6.*{message}"):
        prepared(events(source))
    data = prepared(events(source), max_bad_rows=1)
    assert histories(data)["ann"] == ["a", "c"]


def test_two_kinds_of_bad_rows_keep_their_lines(events, prepared):
    source = "user,item,timestamp\nann,a,1\nx\nann,,2\ny,y\nann,b,3\n,c,4\n"
    data = prepared(events(source), max_bad_rows=4)
    assert histories(data)["ann"] == ["a", "b"]
    lines = [text.split(", ")[1] for text in data.manifest["bad_rows"]]
    assert lines == ["line 3", "line 5", "line 4", "line 7"]


def test_line_breaks_in_ids(events, prepared):
    source = 'user,item,timestamp\nann,"a\nb",1\nann,c,2\n'
    data = prepared(events(source))
    assert data.source_ids.tolist() == ["a\nb", "c"]
    assert histories(data)["ann"] == ["a\nb", "c"]


def test_ids_are_texts(events, prepared):
    source = "user,item,timestamp\n007,01,1\n007,1,2\n"
    target = "user,item,timestamp\n007,1e3,1\n7,x,2\n"
    data = prepared(events(source, target))
    assert histories(data) == {"007": ["01", "1"], "7": []}
    assert targets(data)["007"] == ["1e3"]


def test_titles(events, prepared, write):
    titles = write("titles.csv", 'item,title\na,"A, the first"\nz,Z\n')
    data = prepared(events(source_titles=str(titles)))
    assert data.source_titles.tolist() == ["A, the first", ""]
    assert data.target_titles is None


def test_no_user_in_common(events, prepared):
    target = TARGET.replace("ann", "ANN").replace("bob", "BOB")
    with pytest.raises(InputError, match="'ann', 'bob'.*'ANN', 'BOB', 'cid'"):
        prepared(events(target=target))


@pytest.mark.parametrize("domain", ["source", "target"])
def test_a_header_and_nothing_else(events, prepared, domain):
    with pytest.raises(InputError, match=f"no {domain} events are left"):
        prepared(events(**{domain: "user,item,timestamp\n"}))


def test_an_empty_file(events, prepared):
    with pytest.raises(InputError, match=r"source\.csv is empty"):
        prepared(events(source=""))


def test_it_is_made_from_the_command_line(tmp_path):
    spec = datasets.parse("events(source='a.csv', target='b.csv')")
    with pytest.raises(InputError, match=r"--dataset=events\(source=...\)"):
        spec.build()
