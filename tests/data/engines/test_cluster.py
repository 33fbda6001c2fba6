"""A cluster of one master and two workers, all on the loopback interface."""

from __future__ import annotations

import json
import os
import pathlib
import socket
import subprocess
import sys
import time

import pytest

from tfxdr.data.prepare import prepare
from tfxdr.data.prepared import PreparedData
from tfxdr.datasets.events import Events

_ROOT = pathlib.Path(__file__).parents[3]
_SECONDS = 60


def _free_port():
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


@pytest.fixture
def start(loopback, tmp_path):
    """Starts a part of a cluster; what it says is in a file."""
    import pyspark

    program = pathlib.Path(pyspark.__file__).parent / "bin" / "spark-class"
    started = []

    def start_part(name, kind, *arguments):
        said = tmp_path / f"{name}.log"
        folder = tmp_path / name
        folder.mkdir()
        environment = os.environ | {
            "SPARK_LOCAL_IP": "127.0.0.1",
            "SPARK_NO_DAEMONIZE": "1",
            "SPARK_WORKER_DIR": str(folder),
            "SPARK_DAEMON_MEMORY": "256m",
        }
        with open(said, "w") as log:
            started.append(
                subprocess.Popen(
                    [
                        str(program),
                        f"org.apache.spark.deploy.{kind}",
                        *("--host", "127.0.0.1"),
                        *arguments,
                    ],
                    stdout=log,
                    stderr=log,
                    env=environment,
                )
            )
        return said

    yield start_part
    for process in reversed(started):
        process.terminate()
    for process in started:
        process.wait(30)


def _wait(said, text, number=1):
    for _ in range(10 * _SECONDS):
        if said.read_text().count(text) >= number:
            return
        time.sleep(0.1)
    raise AssertionError(f"no {text!r} in: {said.read_text()}")


@pytest.fixture
def master(start):
    """The address of a master who knows of two workers."""
    port = str(_free_port())
    said = start("master", "master.Master", "--port", port, "--webui-port", "0")
    address = f"spark://127.0.0.1:{port}"
    _wait(said, "Starting Spark master")
    for name in ("one", "two"):
        options = ["--cores", "1", "--memory", "512m", "--webui-port", "0"]
        start(name, "worker.Worker", *options, address)
    _wait(said, "Registering worker", 2)
    return address


def test_the_command_line_on_a_cluster(
    master, loopback, write, table, tmp_path
):
    paths = [
        str(write(f"{name}.csv", table(300, seed=seed)))
        for seed, name in enumerate(["views", "buys"])
    ]
    options = loopback | {
        "spark.executor.memory": "512m",
        "spark.sql.shuffle.partitions": "3",
        "spark.executorEnv.TF_CPP_MIN_LOG_LEVEL": "3",
    }
    words = [f"--conf {name}={value}" for name, value in options.items()]
    ran = subprocess.run(
        [
            *(sys.executable, "-m", "tfxdr.main", "--mode=prepare"),
            f"--dataset=events(source='{paths[0]}',target='{paths[1]}')",
            f"--cache_dir={tmp_path / 'spark'}",
            "--engine=spark",
        ],
        env=os.environ
        | {
            "SPARK_MASTER": master,
            "SPARK_LOCAL_IP": "127.0.0.1",
            "PYSPARK_SUBMIT_ARGS": " ".join([*words, "pyspark-shell"]),
            "PYTHONPATH": str(_ROOT),
        },
        capture_output=True,
        text=True,
        timeout=15 * _SECONDS,  # on a machine that does other work
    )
    assert ran.returncode == 0, ran.stderr
    said = (tmp_path / "master.log").read_text()
    assert said.count("Launching executor") == 2
    (folder,) = (tmp_path / "spark" / "data").iterdir()
    manifest = PreparedData.load(folder).manifest
    expected = prepare(Events(*paths), cache_dir=tmp_path / "duckdb")
    assert folder.name == expected.folder.name
    assert dict(manifest) == json.loads(json.dumps(dict(expected.manifest)))
    assert {path.name for path in folder.iterdir()} == {
        path.name for path in expected.folder.iterdir()
    }
    for entry in manifest["files"]:
        name = entry["file"]
        one, other = (made / name for made in (folder, expected.folder))
        assert one.read_bytes() == other.read_bytes()
