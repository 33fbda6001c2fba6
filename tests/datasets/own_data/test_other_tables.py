"""Parquet, JSON lines, databases, and tables of Python's libraries."""

import json

import duckdb
import pytest

import tfxdr
from tfxdr.errors import InputError

HISTORIES = {"mia": ["bag", "cap"], "tom": ["hat"], "eve": []}
RATED = """
    SELECT * FROM (VALUES ('mia', 'cap', {0}, {1}), ('mia', 'bag', {2}, {3}),
    ('tom', 'hat', {4}, {5})) t("user", item, timestamp, rating)
"""


def times(form):
    return [form.format(1690000000 + step) for step in (2, 1, 3)]


@pytest.mark.parametrize(
    "form",
    [
        "{}",
        "{}::DOUBLE",
        "{}::HUGEINT",
        "{}::DECIMAL(18, 3)",
        "'{}'",
        "'{}'::BLOB",
        "to_timestamp({})",
        "to_timestamp({})::TIMESTAMP",
        "to_timestamp({})::TIMESTAMP_NS",
        "to_timestamp({})::TIMESTAMP_MS",
        "to_timestamp({})::TIMESTAMP_S",
        "strftime(to_timestamp({}), '%Y-%m-%dT%H:%M:%S%z')",
        "('2023-01-0' || ({} - 1690000000))::DATE",
    ],
)
def test_types_of_times(read, parquet, form):
    one, two, three = times(form)
    query = RATED.format(one, 1, two, 2, three, 3)
    target = "user,item,timestamp\neve,pen,1690000000\nmia,pen,1690000009\n"
    assert (
        read(open(parquet(query), "rb").read(), target).histories == HISTORIES
    )


@pytest.mark.parametrize(
    "form", ["'{}'", "'{}'::BLOB", "'{}'::ENUM('mia', 'tom', 'bag')"]
)
def test_types_of_ids(read, parquet, form):
    query = "SELECT {} AS user, {} AS item, 1690000000 AS timestamp"
    path = parquet(query.format(form.format("mia"), form.format("bag")))
    assert read(open(path, "rb").read()).histories["mia"] == ["bag"]


@pytest.mark.parametrize(
    "kind", ["TINYINT", "UBIGINT", "HUGEINT", "DECIMAL(9, 0)", "DOUBLE"]
)
def test_numbers_as_ids(read, parquet, kind):
    path = parquet(
        f"SELECT 7::{kind} AS user, 8::{kind} AS item, 1 AS timestamp"
    )
    target = "user,item,timestamp\n7,pen,1\n"
    found = read(open(path, "rb").read(), target)
    assert found.counts["shared_users"] == 1


@pytest.mark.parametrize(
    ("column", "value", "message"),
    [
        ("user", "DATE '2024-01-01'", "'user' .*DATE; expected a text or"),
        ("user", "['mia']", r"'user' .*VARCHAR\[\]"),
        ("item", "{'a': 1}", "'item' .*STRUCT"),
        ("item", "map {'a': 1}", "'item' .*MAP"),
        ("item", "true", "'item' .*BOOLEAN"),
        ("timestamp", "TIME '10:00'", "'timestamp' .*TIME; expected a date"),
        ("timestamp", "INTERVAL 1 DAY", "'timestamp' .*INTERVAL"),
        ("rating", "DATE '2024-01-01'", "'rating' .*DATE; expected a number"),
        ("rating", "[1.5]", r"'rating' .*\[\]; expected a number"),
        ("rating", "'n/a'", "line 1, column rating"),
        ("rating", "'inf'::DOUBLE", "line 1, column rating"),
        ("item", "'\\xE9'::BLOB", "line 1, column item"),
    ],
)
def test_types_that_a_column_cannot_have(read, parquet, column, value, message):
    cells = {"user": "'mia'", "item": "'bag'", "timestamp": "1", "rating": "2"}
    cells[column] = value
    chosen = ", ".join(f"{cell} AS {name}" for name, cell in cells.items())
    content = open(parquet(f"SELECT {chosen}"), "rb").read()
    target = "user,item,timestamp,rating\nmia,pen,1,1\n"
    with pytest.raises(InputError, match=message) as error:
        read(content, target, name="views.parquet", rating="rating")
    assert "views.parquet" in str(error.value)


def test_a_list_is_an_event_each(read, parquet):
    query = """SELECT * FROM (VALUES
        ('mia', ['bag', 'cap'], 1690000001), ('tom', ['hat'], 1690000002),
        ('tom', [], 1690000003), ('eve', ['cap', NULL], 1690000004))
        t("user", item, timestamp)"""
    content = open(parquet(query), "rb").read()
    with pytest.raises(InputError, match="line 3, column item"):
        read(content)
    found = read(content, max_bad_rows=2)
    assert found.histories == {**HISTORIES, "eve": ["cap"]}
    assert [text.split(": ")[0][-6:] for text in found.bad] == ["n item"] * 2
    assert "line 4" in found.bad[1]
    assert found.counts["source_rows"] == 4
    assert found.counts["source_listed"] == 2


def test_lists_beside_each_other(read, parquet):
    query = """SELECT 'mia' AS user, ['cap', 'bag'] AS item,
        [1690000002, 1690000001] AS timestamp, [2.5, 3.0] AS rating
        UNION ALL SELECT 'tom', ['hat'], [1690000003], [{}]"""
    target = "user,item,timestamp,rating\neve,pen,1690000000,1\nmia,pen,1,1\n"
    options = {"target": target, "rating": "rating"}
    content = open(parquet(query.format("1.0")), "rb").read()
    assert read(content, **options).histories == HISTORIES
    content = open(parquet(query.format("1.0, 2.0")), "rb").read()
    with pytest.raises(InputError, match="row 2: the lists .* of one length"):
        read(content, **options)


def test_json_lines(read):
    rows = [
        {"user": "mia", "item": "cap", "timestamp": 1690000002, "more": {}},
        {"timestamp": "1690000001", "item": "bag", "user": "mia"},
        {"user": "tom", "item": ["hat"], "timestamp": 1690000003.0},
    ]
    source = "\n\n".join(map(json.dumps, rows)) + "\n"
    found = read(source, name="views.ndjson")
    assert found.histories == HISTORIES
    assert "JSON lines" in found.notes


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ('{"user": "tom"', "line 3: no JSON object"),
        ("[1, 2]", "line 3: expected a JSON object"),
        ('{"user": "tom", "timestamp": 1}', "line 3, column item"),
        ('{"user": null, "item": "x", "timestamp": 1}', "line 3, column user"),
        ('{"user": {}, "item": "x", "timestamp": 1}', "key user: expected a t"),
        ('{"user": "a", "item": [], "timestamp": 1}', "line 3, column item"),
        ('{"user": "a", "item": ["x"], "timestamp": [1, 2]}', "key timestamp"),
        ('{"user": "\\ud800", "item": "x", "timestamp": 1}', "surrogate"),
    ],
)
def test_json_lines_that_are_malformed(read, line, message):
    good = '{"user": "mia", "item": ["bag", "cap"], "timestamp": 1690000000}\n'
    source = good + "\n" + line + "\n" + good.replace("mia", "tom")
    with pytest.raises(InputError, match=message):
        read(source, name="views.jsonl")
    found = read(source, name="views.jsonl", max_bad_rows=1)
    assert found.histories["tom"] == ["bag", "cap"]
    assert found.counts["source_bad"] == 1


def test_a_list_of_json_is_refused(read):
    with pytest.raises(InputError, match="an object in each line, found a li"):
        read('[{"user": "mia"}]', name="views.json")


@pytest.fixture
def database(tmp_path):
    path = tmp_path / "shop.duckdb"
    with duckdb.connect(str(path)) as connection:
        connection.execute(
            "CREATE TABLE views AS "
            + RATED.format(1690000002, 1, 1690000001, 2, 1690000003, 3)
        )
        connection.execute(
            "CREATE TABLE buys AS SELECT 'mia' AS who, ['pen', ''] AS item, "
            "1690000005 AS timestamp "
            "UNION ALL SELECT 'eve', ['pad'], 1690000006"
        )
    return str(path)


def test_a_database_of_duckdb(prepared, database):
    source = tfxdr.events(
        source="SELECT * FROM views WHERE rating > 1",
        target="buys",
        target_user="who",
        database=database,
    )
    with pytest.raises(InputError, match=r"shop\.duckdb, line 1, column item"):
        prepared(source)
    data = prepared(source, max_bad_rows=1)
    assert data.source_ids.tolist() == ["bag", "hat"]
    other = tfxdr.events(
        source="views", target="buys", target_user="who", database=database
    )
    assert other.options() != source.options()


def test_a_query_that_fails(prepared, database):
    source = tfxdr.events(source="clicks", target="buys", database=database)
    with pytest.raises(InputError, match=r'FROM "clicks"\' fails: .*clicks'):
        prepared(source)


def test_a_database_of_sqlite(prepared, tmp_path, write):
    import sqlite3

    path = tmp_path / "shop.db"
    connection = sqlite3.connect(path)
    connection.execute('CREATE TABLE views ("user", item, timestamp REAL)')
    rows = [("mia", "cap", 2.5), ("mia", b"bag", 2), (7, "hat", 3)]
    connection.executemany("INSERT INTO views VALUES (?, ?, ?)", rows)
    connection.commit()
    connection.close()
    target = write("buys.csv", "user,item,timestamp\nmia,pen,1\n7,pad,2\n")
    data = prepared(
        tfxdr.events(source="views", target=str(target), database=str(path))
    )
    assert data.source_ids.tolist() == ["bag", "cap", "hat"]
    assert data.users().ids.tolist() == [b"7", b"mia"]
    with pytest.raises(InputError, match="no database of DuckDB or SQLite"):
        prepared(tfxdr.events(source="x", target="y", database=str(target)))


def test_a_damaged_database_of_sqlite(prepared, tmp_path):
    """What is wrong with it is told with bytes that are no text."""
    import sqlite3

    path = tmp_path / "shop.db"
    connection = sqlite3.connect(path)
    connection.execute("CREATE TABLE buys (user, item)")
    connection.commit()
    connection.close()
    whole = path.read_bytes()
    assert b"buys (user" in whole
    path.write_bytes(whole.replace(b"buys (user", b"buys \xff\xff\xff\xff\xff"))
    source = tfxdr.events(source="buys", target="buys", database=str(path))
    with pytest.raises(InputError, match=r"shop\.db\): .*buys.* fails: "):
        prepared(source)


def test_a_relation_of_duckdb(prepared):
    views = duckdb.sql(
        RATED.format(1690000002, 1, 1690000001, 2, 1690000003, 3)
    )
    buys = duckdb.sql("SELECT 'mia' AS user, 'pen' AS item, 5 AS timestamp")
    data = prepared(tfxdr.events(source=views, target=buys))
    assert data.manifest["counts"]["source_events"] == 3
    again = tfxdr.events(source=views, target=buys)
    assert prepared(again).folder == data.folder  # Known by its content.


def test_frames_of_pandas(prepared):
    pandas = pytest.importorskip("pandas")
    views = pandas.DataFrame(
        {
            "user": [1.0, 1.0, None],
            "item": ["cap", "bag", "hat"],
            "clicked_at": pandas.to_datetime(["2024-01-02", "2024-01-01"] * 2)[
                :3
            ],
        },
        index=[5, 5, 1],
    )
    buys = pandas.DataFrame(
        {"user": [1], "item": ["pen"], "clicked_at": ["2024-02-01"]}
    )
    source = tfxdr.events(source=views, target=buys, time="clicked_at")
    with pytest.raises(InputError, match="line 3, column user"):
        prepared(source)
    data = prepared(source, max_bad_rows=1)
    assert data.source_ids[data.users().history.values - 2].tolist() == [
        "bag",
        "cap",
    ]


def test_frames_of_polars_and_arrow(prepared):
    polars = pytest.importorskip("polars")
    pytest.importorskip("pyarrow")
    views = polars.DataFrame(
        {
            "user": ["mia", "mia"],
            "item": [["a", "b"], ["c"]],
            "timestamp": [2, 1],
        }
    )
    buys = polars.DataFrame({"user": ["mia"], "item": ["x"], "timestamp": [3]})
    for source in (views, views.lazy(), views.to_arrow()):
        data = prepared(tfxdr.events(source=source, target=buys.to_arrow()))
        items = data.source_ids[data.users().history.values - 2].tolist()
        assert items == ["c", "a", "b"]


@pytest.mark.parametrize("value", [5, {"user": ["mia"]}, None, object()])
def test_what_is_no_table(value):
    with pytest.raises(InputError, match="expected a path, a list of paths"):
        tfxdr.events(source=value, target="x.csv")
