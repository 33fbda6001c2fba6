"""What happens to tasks: they die, spill, meet one user who is most of all."""

import os

import pytest

from tfxdr.data.engines.spark import shards, work
from tfxdr.data.prepare import prepare
from tfxdr.datasets.events import Events
from tfxdr.datasets.synthetic import Synthetic
from tfxdr.errors import InputError

_SMALL = Synthetic(users=60, source_items=40, target_items=40)


def dying(attempts):
    """Writers whose process ends behind a shard, in the first attempts."""
    real = shards.ShardWriter

    def make(*arguments):
        writer = real(*arguments)

        def write(batches):
            from pyspark import TaskContext

            for told in writer(batches):
                if TaskContext.get().attemptNumber() < attempts:
                    os._exit(9)
                yield told

        return write

    return make


def test_a_task_that_dies_is_tried_again(both, monkeypatch):
    monkeypatch.setattr(shards, "ShardWriter", dying(1))
    both(_SMALL)


def test_a_task_that_always_dies_leaves_nothing(spark, tmp_path, monkeypatch):
    monkeypatch.setattr(shards, "ShardWriter", dying(9))
    with pytest.raises(InputError, match="cannot be prepared by Spark: "):
        prepare(_SMALL, cache_dir=tmp_path, engine="spark")
    assert not list(tmp_path.glob("data/*"))


def test_a_user_with_most_of_the_events(both, write, table, spark):
    crowd, one = table(500), table(20_000, seed=1, users=1, header=False)
    path = str(write("log.csv", crowd + one))
    before = _spilled(spark)
    data = both(Events(path, path), max_history=100)
    assert _spilled(spark) > before
    counts = data.manifest["counts"]
    assert counts["truncated_events"] > 19_000
    assert counts["duplicate_targets"] > 19_000


def _spilled(spark):
    """Bytes that tasks have put aside until now."""
    context = spark.sparkContext
    no_list = context._jvm.java.util.ArrayList
    stages = (
        context._jsc.sc()
        .statusStore()
        .stageList(
            no_list(),
            False,
            False,
            context._gateway.new_array(context._jvm.double, 0),
            no_list(),
        )
    )
    return sum(
        stages.apply(place).memoryBytesSpilled()
        for place in range(stages.size())
    )


def test_workers_that_see_another_folder(spark, tmp_path, monkeypatch):
    monkeypatch.setattr(work.Work, "files", lambda self, name: [])
    with pytest.raises(InputError, match="--cache_dir.*all workers share"):
        prepare(_SMALL, cache_dir=tmp_path, engine="spark")
    assert not list(tmp_path.glob("data/*"))
