"""Spark's output is DuckDB's: every byte, every count, every note."""

import duckdb
import numpy as np
import pytest

from tfxdr.datasets.base import Source, insert_arrays
from tfxdr.datasets.coldrec import ColdRec
from tfxdr.datasets.events import Events
from tfxdr.datasets.movielens import MovieLens
from tfxdr.datasets.synthetic import Synthetic


class Basket(Source):
    """A plugin's source, which DuckDB alone reads; with all that one has."""

    merges_copies = True
    history = 9

    def options(self):
        return {}

    def load(self, connection, rejects):
        rng = np.random.default_rng(1)
        for domain, users in (("source", 40), ("target", 50)):
            columns = {
                "user": rng.integers(0, users, 500).astype(str).astype(object),
                "item": rng.integers(0, 9, 500).astype(str).astype(object),
                "time": rng.integers(0, 5, 500),
                "rating": rng.integers(0, 3, 500).astype(float),
                "row": np.arange(500),
            }
            insert_arrays(connection, domain, columns)
            items = np.array([str(item % 9) for item in range(40)], object)
            words = np.array([f"c{item % 7}" for item in range(40)], object)
            insert_arrays(
                connection,
                f"{domain}_categories",
                {"item": items, "category": words},
            )
        words = np.array(["m", None, "f"] * 10, object)
        users = np.array([str(user) for user in range(30)], object)
        insert_arrays(connection, "attributes", {"user": users, "sex": words})


@pytest.mark.parametrize(
    "options",
    [
        {"split": "random", "split_seed": 7, "max_history": 3},
        {"split": "time"},
        {"split": "leave-one-out"},
    ],
    ids=lambda options: options["split"],
)
def test_generated(both, options):
    both(Synthetic(users=60, source_items=40, target_items=40), **options)


def test_a_source_with_categories_and_attributes(both):
    data = both(Basket())
    assert data.manifest["counts"]["repeated_source"]
    assert data.manifest["counts"]["ambiguous_categories"]


def test_movielens_without_a_target_domain(both, write):
    path = write("u.data", "1\t10\t3\t300\n1\t11\t5\t200\n2\t10\t1\t5\n")
    both(MovieLens(str(path), source_below=6, target_above=5, history=0))


def test_coldrec(both, write):
    both(ColdRec(str(write("a.csv", "1,2,3,,7,8\n4,,9,7\n2,5,1,,8\n"))))


class TestEvents:
    """What Spark itself reads."""

    @pytest.fixture
    def buys(self, write, table):
        text = table(300, ";", 1, users=70).replace("user;item", "who;sku", 1)
        return str(write("buys.csv", text))

    @pytest.fixture
    def views(self, write, table):
        """A folder whose files' order is not that of their sizes."""
        for name, rows in (("b [1].csv", 400), ("a+.csv", 90), ("d/%.csv", 9)):
            write(f"views/{name}", table(rows, seed=rows))
        return str(write("views/_SUCCESS", "").parent)

    def read(self, both, *tables, said=None, options=None, **columns):
        said = [] if said is None else said
        named = {"target_user": "who", "target_item": "sku"} | columns
        data = both(
            Events(*tables, **named), report=said.append, **options or {}
        )
        assert not [line for line in said if "hands it to Spark" in line]
        return data

    def test_folders_of_csv(self, both, views, buys):
        data = self.read(both, views, buys, rating="rating", target_min=2)
        assert data.manifest["counts"]["filtered_target"]
        assert len(data.manifest["shards"]) == 4

    def test_no_times_but_an_order(self, both, views, buys):
        files = [f"{views}/d/%.csv", f"{views}/b [1].csv", f"{views}/a+.csv"]
        self.read(both, files, buys, time="")

    def test_one_table_of_both_domains(self, both, write, table):
        text = table(500, kind=["a", "b", "c"], colour=["red", "blue", "NA"])
        path = str(write("log.csv", text))
        data = self.read(
            both,
            path,
            path,
            target_user="",
            target_item="",
            domain="kind",
            source_domain="a",
            target_domain="b",
            category="colour",
            rating="rating",
            source_min=3,
            source_titles=str(write("titles.csv", "item,title\ni0,X\ni1,Y\n")),
            options={"split": "time", "max_history": 4},
        )
        counts = data.manifest["counts"]
        assert counts["late_events"] and counts["truncated_events"]
        assert counts["other_domains"] and counts["items_in_both"]
        assert counts["source_categories"] == 2

    def test_partitioned_parquet(self, both, tmp_path):
        with duckdb.connect() as connection:
            connection.sql(
                "SELECT 'u' || range * 7919 % 50 AS user, range * 31 % 23 AS "
                "item, TIMESTAMP '2024-01-01' + to_seconds(range % 200) AS at, "
                "range % 3 AS day FROM range(900)"
            ).to_table("log")
            connection.execute(
                f"COPY log TO '{tmp_path}/log' (FORMAT parquet, "
                "PARTITION_BY (day))"
            )
        path = str(tmp_path / "log")
        self.read(
            both,
            path,
            path,
            target_user="",
            target_item="",
            time="at",
            domain="day",
            source_domain=1,
            target_domain=2,
        )

    def test_a_published_split_and_ids_written_in_two_ways(
        self, both, write, table
    ):
        source = table(200).replace("ü", "").replace(",i", ".0,i")
        source = source.replace("user.0", "user")
        target = table(200, seed=2, part=["train", "test"]).replace("ü", "")
        data = self.read(
            both,
            str(write("a.csv", source)),
            str(write("b.csv", target)),
            target_user="",
            target_item="",
            split="part",
            options={"split": "column"},
        )
        assert "whole numbers" in "\n".join(data.manifest["notes"])
        assert data.manifest["counts"]["validation"]

    def test_users_that_differ_in_capitals(self, both, write, table, buys):
        source = table(100).replace("ü1", "Ü1")
        data = self.read(both, str(write("a.csv", source)), buys)
        assert "but for capitals" in "\n".join(data.manifest["notes"])

    def test_what_spark_reads_otherwise_is_handed_over(
        self, both, write, table, buys
    ):
        said = []
        source = Events(
            str(write("a.csv.gz", table(50))),
            buys,
            target_user="who",
            target_item="sku",
        )
        both(source, report=said.append)
        (told,) = [line for line in said if "hands it to Spark" in line]
        assert "compressed text" in told
