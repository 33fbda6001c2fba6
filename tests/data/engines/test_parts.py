"""Parts of the engines that need no Spark."""

import json

import numpy as np
import pytest

from tfxdr.data import splits
from tfxdr.data.engines.spark.session import told
from tfxdr.data.engines.spark.shards import HISTORY, TARGET, USER, ShardWriter
from tfxdr.data.prepared import file_entry
from tfxdr.data.records import Columns, read_shards
from tfxdr.data.split_plan import SplitPlan
from tfxdr.data.tally import Tally
from tfxdr.datasets.readers.times import merge


def tallied(*users):
    tally = Tally()
    for histories, targets in users:
        tally.add(np.array(histories), np.array(targets))
    return tally


class TestTally:
    def test_parts_are_the_whole(self):
        whole = tallied(([0, 3, 1, 0], [2, 1, 0, 1]))
        parts = tallied(([0, 3], [2, 1]), ([1, 0], [0, 1]))
        assert parts.counts() == whole.counts()
        assert whole.counts() == {
            "shared_users": 1,
            "users_with_history": 2,
            "users_without_history": 2,
            "users_without_targets": 1,
            "source_events": 4,
            "target_instances": 4,
            "history_length": {"min": 0, "median": 0, "mean": 1.0, "max": 3},
            "targets_per_user": {"min": 0, "median": 1, "mean": 1.0, "max": 2},
        }

    def test_it_is_written_without_the_lengths_that_nobody_has(self):
        tally = tallied(([0, 10**6], [1, 1]))
        told = tally.to_json()
        assert told["histories"] == [[0, 10**6], [1, 1]]
        assert Tally.from_json(told).counts() == tally.counts()


def test_answers_of_parts_are_merged():
    none = {"numbers": 0, "least": None, "most": None, "fractions": False}
    one = {"numbers": 2, "least": 3.0, "most": 4.0, "fractions": False}
    other = {"numbers": 1, "least": 1.0, "most": 1.0, "fractions": True}
    assert merge([none, one, other]) == {
        "numbers": 3,
        "least": 1.0,
        "most": 4.0,
        "fractions": True,
    }


def test_what_a_task_raised_is_told():
    text = (
        "An exception was thrown from the Python worker:\n"
        "Traceback (most recent call last):\n"
        '  File "worker.py", line 1\n'
        "tfxdr.errors.InputError: a shard is missing.\n"
    )
    assert told(Exception(text)) == "a shard is missing"
    assert told(Exception("No such table.\nDetails")) == "No such table"


class TestShardWriter:
    """Two shards in batches that part them and a user."""

    _COLUMNS = Columns(target_time=True, attributes=("sex",))
    _PLAN = SplitPlan(splits.LEAVE_ONE_OUT, (0.8, 0.1, 0.1), 0)
    # shard, user, kind, item, time, attribute
    _ROWS = (
        (0, "a", USER, None, None, "f"),
        (0, "a", HISTORY, 3, 1, None),
        (0, "a", HISTORY, 2, 2, None),
        (0, "a", TARGET, 5, 9, None),
        (0, "ä", USER, None, None, ""),
        (2, "b", USER, None, None, "m"),
        (2, "b", TARGET, 2, 4, None),
        (2, "b", TARGET, 4, 5, None),
    )

    @pytest.fixture
    def batches(self):
        pyarrow = pytest.importorskip("pyarrow")
        shard, user, kind, item, time, sex = zip(*self._ROWS, strict=True)
        none = [None] * len(shard)
        table = pyarrow.table(
            {
                "shard": pyarrow.array(shard, "int32"),
                "user": user,
                "kind": pyarrow.array(kind, "int32"),
                "item": pyarrow.array(item, "int32"),
                "time": pyarrow.array(time, "int64"),
                "rating": pyarrow.array(none, "float64"),
                "split": pyarrow.array(none, "int8"),
                "hash": pyarrow.array([0] * len(shard), "int64"),
                "attribute sex": sex,
            }
        )
        return table.to_batches(max_chunksize=3)

    def test_shards_and_what_is_told_of_them(self, batches, tmp_path):
        (tmp_path / "work").mkdir()
        writer = ShardWriter(tmp_path, 3, self._COLUMNS, self._PLAN)
        rows = [row for batch in writer(batches) for row in batch.to_pylist()]
        assert [row["shard"] for row in rows] == [0, 2]
        one, other = (json.loads(row["told"]) for row in rows)
        path = tmp_path / "users-00000-of-00003.tfrecord"
        assert one["entry"] == file_entry(path)
        assert other["parts"] == {"train": 1, "validation": 0, "test": 1}
        users = read_shards([path], self._COLUMNS)
        assert users.ids.tolist() == [b"a", "ä".encode()]
        assert [row.tolist() for row in users.history] == [[3, 2], []]
        assert [row.tolist() for row in users.target] == [[5], []]
        assert users.target_time.tolist() == [9]
        assert users.attributes["sex"].tolist() == ["f", ""]
        left = {path.name for path in (tmp_path / "work").iterdir()}
        assert left == {
            f"users-0000{shard}-of-00003.tfrecord.history" for shard in (0, 2)
        }
