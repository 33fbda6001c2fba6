"""Runs whose tables lie in shards on parameter servers."""

import contextlib
import json
import signal
import socket
import time

import pytest
from running import call_here, metrics, run_here, start

from tfxdr.training.parameter_server import knows_shards

CONFIG = "TF_CONFIG"
SMALL = [
    "--dataset=synthetic(users=300,source_items=900,target_items=900)",
    "--backbone=gru4rec(channels=8)",
    "--policy=all",
    "--pretrain_epochs=1",
    "--pretrain_batch_size=100",
    "--epochs=1",
    "--batch_size=100",
    "--learning_rate=0.01",
    "--run=run",
]
SHARDED = [
    "--distribute=parameter-server",
    "--optimizer=lazyadam",
    "--loss=sampled_softmax",
    "--pretrain_loss=sampled_softmax",
    "--pretrain_split=leave-one-out",
]
TWO_SERVERS = {"chief": 1, "ps": 2, "worker": 1}
ONE_SERVER = {"chief": 1, "ps": 1, "worker": 1}
NAMES = {"chief": "chief", "ps": "parameter server", "worker": "worker"}
TINY = [
    "--dataset=synthetic(users=60,source_items=40,target_items=40)",
    "--backbone=gru4rec(channels=4)",
    "--policy=all",
    "--pretrain_epochs=1",
    "--epochs=1",
    "--threads=1",
    "--run=run",
]


@pytest.fixture
def cluster(tmp_path, monkeypatch):
    """Starts one; no process outlives the test."""
    started = {}

    def begin(counts, *flags, wanted=("chief", "ps", "worker")):
        jobs = {}
        with contextlib.ExitStack() as stack:
            for kind, count in counts.items():
                jobs[kind] = [_free_address(stack) for _ in range(count)]

        def one(kind, index):
            task = {"type": kind, "index": index}
            config = json.dumps({"cluster": jobs, "task": task})
            monkeypatch.setenv(CONFIG, config)
            folder = tmp_path / f"{kind}-{index}"
            folder.mkdir(exist_ok=True)
            started[kind, index] = start(folder, *flags)
            return started[kind, index]

        for kind in wanted:
            for index in range(counts[kind]):
                one(kind, index)
        return started, one

    yield begin
    for process in started.values():
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        process.communicate()


def _free_address(stack):
    held = stack.enter_context(socket.socket())
    held.bind(("127.0.0.1", 0))
    return f"127.0.0.1:{held.getsockname()[1]}"


@pytest.mark.skipif(not knows_shards(), reason="refused with this TensorFlow")
def test_the_smallest_cluster_trains_to_its_end(cluster, tmp_path):
    processes, _ = cluster(ONE_SERVER, *TINY, *SHARDED)
    out, err = processes["chief", 0].communicate(timeout=120)
    assert processes["chief", 0].returncode == 0, err
    assert "| all " in out
    for kind in ("ps", "worker"):
        told, err = processes[kind, 0].communicate(timeout=60)
        assert processes[kind, 0].returncode == 0, err
        last = told.splitlines()[-1]
        assert last == f"{NAMES[kind]} 0 of 1: the chief has ended"
        assert not list((tmp_path / f"{kind}-0").iterdir())
    run = tmp_path / "chief-0" / "run"
    assert metrics(run)["validation"]["epochs"] == 1
    assert (run / "weights").is_dir()


@pytest.mark.skipif(not knows_shards(), reason="refused with this TensorFlow")
@pytest.mark.parametrize("kind", ["chief", "worker"])
def test_one_that_waits_ends_by_a_signal(kind, cluster, tmp_path):
    processes, _ = cluster(ONE_SERVER, *TINY, *SHARDED, wanted=[kind])
    assert NAMES[kind] in processes[kind, 0].stdout.readline()
    time.sleep(2)  # TensorFlow would have begun to wait.
    since = time.monotonic()
    processes[kind, 0].terminate()
    _, err = processes[kind, 0].communicate(timeout=30)
    assert time.monotonic() - since < 15
    assert processes[kind, 0].returncode == 128 + signal.SIGTERM
    assert err == "interrupted; start it again by the same command\n"
    assert not list((tmp_path / f"{kind}-0").iterdir())


@pytest.mark.skipif(not knows_shards(), reason="refused with this TensorFlow")
@pytest.mark.large  # four processes that import TensorFlow
def test_two_servers_train_and_one_machine_goes_on_with_it(cluster, tmp_path):
    """What they kept reads back whole: it is judged alike, and exported."""
    processes, _ = cluster(TWO_SERVERS, *SMALL, *SHARDED)
    chief = processes.pop(("chief", 0))
    out, err = chief.communicate(timeout=240)
    assert chief.returncode == 0, err
    assert "| all " in out
    for (kind, index), process in processes.items():
        out, err = process.communicate(timeout=60)
        assert process.returncode == 0, err
        assert out.splitlines()[-1].endswith("the chief has ended")
        assert not list((tmp_path / f"{kind}-{index}").iterdir())
    folder = tmp_path / "chief-0"
    kept = [path.name for path in (folder / "run" / "weights").glob("*.data-*")]
    assert len(kept) > 1  # A file of each server, so the tables were in shards.
    told = run_here(folder, "--mode=evaluate", "--run=run")
    expected = metrics(folder / "run")["test"]["hr@5"]
    assert f"| {expected:.4f}" in told.splitlines()[-2]
    run_here(folder, "--mode=export", "--run=run", "--export_dir=served")
    assert (folder / "served" / "1" / "saved_model.pb").is_file()


@pytest.mark.skipif(not knows_shards(), reason="refused with this TensorFlow")
@pytest.mark.large  # seven processes that import TensorFlow
def test_one_server_goes_on_with_what_two_have_kept(cluster, tmp_path):
    """A checkpoint does not care in how many shards a table lay."""
    flags = [*SMALL, *SHARDED]
    processes, _ = cluster(TWO_SERVERS, *flags)
    _, err = processes["chief", 0].communicate(timeout=240)
    assert processes["chief", 0].returncode == 0, err
    processes, _ = cluster(ONE_SERVER, *flags, "--resume", "--epochs=2")
    _, err = processes["chief", 0].communicate(timeout=240)
    assert processes["chief", 0].returncode == 0, err
    found = metrics(tmp_path / "chief-0" / "run")
    assert found["validation"]["epochs"] == 2


class TestRefusals:
    @pytest.mark.parametrize(
        ("flag", "said"),
        [
            ("--optimizer=adam", "--optimizer=lazyadam, found adam"),
            ("--loss=auto", "--loss=bpr or bce or sampled_softmax or in_batch"),
            ("--pretrain_loss=softmax", "found softmax, which may score"),
            ("--pretrain_split=users", "--pretrain_split=leave-one-out, found"),
            ("--warm_start=before", "expected --warm_start=nothing, found"),
            ("--backbone=conet", "whose domains are trained together"),
        ],
    )
    def test_what_needs_whole_tables(
        self, flag, said, tmp_path, monkeypatch, capfd
    ):
        flags = [*SMALL, *SHARDED, flag]
        code, _, err = call_here(tmp_path, monkeypatch, capfd, *flags)
        assert code == 1
        assert said in err.splitlines()[-1]
        assert not list(tmp_path.iterdir())

    @pytest.mark.parametrize(
        "config",
        [
            None,
            "{",
            '{"cluster": {"worker": ["a:1"]}, "task": '
            '{"type": "worker", "index": 0}}',
            '{"cluster": {"chief": ["a:1"], "ps": ["b:1"], "worker": ["c:1"]},'
            ' "task": {"type": "ps", "index": 1}}',
        ],
    )
    def test_a_cluster_that_is_none(self, config, tmp_path, monkeypatch, capfd):
        monkeypatch.delenv(CONFIG, raising=False)
        if config is not None:
            monkeypatch.setenv(CONFIG, config)
        code, _, err = call_here(tmp_path, monkeypatch, capfd, *SMALL, *SHARDED)
        assert code == 1
        told = err.splitlines()[-1]
        assert "expected the environment variable TF_CONFIG such as" in told
        assert f"found {config or 'none'}; docs/distributed.md" in told
