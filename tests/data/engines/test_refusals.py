"""What an engine cannot do is said by name, with what to do."""

import sys

import pytest

from tfxdr.data.prepare import prepare
from tfxdr.datasets.events import Events
from tfxdr.datasets.synthetic import Synthetic
from tfxdr.errors import InputError


def test_duckdb_reads_files_of_this_machine(tmp_path):
    source = Events("s3a://logs/views", "s3a://logs/buys")
    with pytest.raises(InputError, match="s3a://logs/views.*--engine=spark"):
        prepare(source, cache_dir=tmp_path)


def test_addresses_are_no_files_and_no_options():
    source = Events("s3a://logs/views", ["s3a://logs/a", "s3a://logs/b"])
    assert not source.files()
    assert source.addresses() == [
        "s3a://logs/views",
        "s3a://logs/a",
        "s3a://logs/b",
    ]
    assert not [x for x in source.options().values() if "s3a" in str(x)]
    assert source.source == "s3a://logs/views"


def test_an_unknown_engine(tmp_path):
    with pytest.raises(InputError, match="--engine should be one of duckdb"):
        prepare(Synthetic(), cache_dir=tmp_path, engine="flink")


def test_spark_is_not_installed(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyspark", None)
    with pytest.raises(InputError, match=r"pip install 'tfxdr\[spark\]'"):
        prepare(Synthetic(), cache_dir=tmp_path, engine="spark")
    assert not list(tmp_path.iterdir())


def test_prepared_data_need_no_engine(prepared, monkeypatch):
    """Which one made them is no part of what they are."""
    source = Synthetic(users=60, source_items=40, target_items=40)
    made = prepared(source)
    monkeypatch.setitem(sys.modules, "pyspark", None)
    assert prepared(source, engine="spark").folder == made.folder


class TestAddresses:
    """Files that are not of this machine; here they are, by another name."""

    def test_they_give_the_same_data(self, spark, write, table, prepared):
        for name, rows in (("b.csv", 200), ("a.csv", 50)):
            path = write(f"views/{name}", table(rows, seed=rows))
        views, buys = path.parent, write("buys.csv", table(90, seed=1))
        there = prepared(
            Events(f"file://{views}", f"file://{buys}"), engine="spark"
        )
        here = prepared(Events(str(views), str(buys)))
        assert there.folder != here.folder
        assert there.fingerprint == here.fingerprint
        assert there.manifest["counts"] == here.manifest["counts"]

    def test_json_is_not_read_there(self, spark, write, table, prepared):
        views = write("views.jsonl", '{"user": 1}\n')
        buys = write("buys.csv", table(9))
        source = Events(f"file://{views}", str(buys))
        with pytest.raises(InputError, match="Parquet and CSV.*copy it"):
            prepared(source, engine="spark")

    def test_nothing_is_there(self, spark, tmp_path, prepared):
        source = Events(f"file://{tmp_path}/no.csv", f"file://{tmp_path}/no")
        with pytest.raises(InputError, match="no.csv"):
            prepared(source, engine="spark")


class TestMalformedRows:
    @pytest.fixture
    def events(self, write, table):
        lines = table(50) + ",i,3,1\nu,i,x,3\nu,i\n"
        return Events(
            str(write("a.csv", lines)), str(write("b.csv", table(50, seed=1)))
        )

    def test_too_many(self, spark, prepared, events):
        with pytest.raises(InputError, match="malformed row: .*a.csv.*N such"):
            prepared(events, engine="spark")

    def test_as_many_as_are_allowed(self, spark, prepared, tmp_path, events):
        one, other = (
            prepare(
                events,
                cache_dir=tmp_path / engine,
                engine=engine,
                max_bad_rows=3,
            )
            for engine in ("duckdb", "spark")
        )
        assert one.fingerprint == other.fingerprint
        assert one.manifest["counts"] == other.manifest["counts"]
        assert len(other.manifest["bad_rows"]) == 3
