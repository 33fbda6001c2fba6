"""A Spark session of two threads on the loopback interface, if there can be."""

from __future__ import annotations

import importlib.util
import os
import shutil
import sys

import numpy as np
import pytest

# So little that tasks spill and that no table fits into an answer.
SMALL = {
    "spark.driver.memory": "1g",
    "spark.driver.maxResultSize": "1m",
    "spark.shuffle.spill.numElementsForceSpillThreshold": "2000",
    "spark.sql.shuffle.partitions": "3",
    # Small files would be one partition, and no order be put to the test.
    "spark.sql.adaptive.coalescePartitions.enabled": "false",
    "spark.sql.files.maxPartitionBytes": "100000",
}
LOOPBACK = {
    "spark.ui.enabled": "false",
    "spark.ui.showConsoleProgress": "false",
    "spark.driver.bindAddress": "127.0.0.1",
    "spark.driver.host": "127.0.0.1",
}


def _why_not():
    """Why there can be no Spark; "" if there can."""
    if importlib.util.find_spec("pyspark") is None:
        return "needs pip install 'tfxdr[spark]' (make test-spark)"
    if not (os.environ.get("JAVA_HOME") or shutil.which("java")):
        return "needs Java 17 or 21"
    return ""


@pytest.fixture(scope="session")
def loopback():
    """Spark's settings that keep it on this machine; skips if there is none."""
    reason = _why_not()
    if reason:
        pytest.skip(reason)
    return LOOPBACK


@pytest.fixture(scope="session")
def spark(loopback):
    """One session for all tests, as a user's program has one."""
    os.environ["SPARK_LOCAL_IP"] = "127.0.0.1"
    os.environ["PYSPARK_PYTHON"] = sys.executable
    from pyspark.sql import SparkSession

    # Two threads, and a task may fail twice.
    builder = SparkSession.builder.master("local[2,3]").appName("tests")
    for name, value in (SMALL | loopback).items():
        builder = builder.config(name, value)
    session = builder.getOrCreate()
    session.sparkContext.setLogLevel("ERROR")
    yield session
    session.stop()


@pytest.fixture
def both(spark, tmp_path):
    """Prepares a source by both engines; returns Spark's, if it is the same.

    The same are all bytes of all files, and all that the manifest tells.
    """
    from tfxdr.data.prepare import prepare

    def prepare_both(source, **options):
        one, other = (
            prepare(
                source, cache_dir=tmp_path / engine, engine=engine, **options
            )
            for engine in ("duckdb", "spark")
        )
        assert dict(other.manifest) == dict(one.manifest)
        files = [
            {path.name: path.read_bytes() for path in data.folder.iterdir()}
            for data in (one, other)
        ]
        for found in files:
            del found["manifest.json"]  # Its lines' order is free.
        assert files[1] == files[0]
        assert len(files[0]) == len(one.manifest["files"])
        return other

    return prepare_both


@pytest.fixture
def table():
    """Writes a log as text: its columns are random, each in its own way."""
    return _table


def _table(rows, separator=",", seed=0, users=60, header=True, **columns):
    """A log as text: of the columns, each a function of random numbers."""
    rng = np.random.default_rng(seed)
    made = {
        "user": [f"ü{user}" for user in rng.integers(0, users, rows)],
        "item": [f"i{int(item)}" for item in rng.exponential(9, rows)],
        "timestamp": rng.integers(1_700_000_000, 1_700_000_060, rows).tolist(),
        "rating": rng.integers(1, 6, rows).tolist(),
    }
    made |= {name: rng.choice(words, rows) for name, words in columns.items()}
    lines = [separator.join(made)] if header else []
    lines += [
        separator.join(map(str, row))
        for row in zip(*made.values(), strict=True)
    ]
    return "\n".join(lines) + "\n"
