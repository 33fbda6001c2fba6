"""Several workers and devices end as one machine does, or say why not."""

import contextlib
import csv
import json
import signal
import socket
import time

import pytest
from running import call_here, kill_when, metrics, rows, run_here, start

CONFIG = "TF_CONFIG"
SMALL = [
    "--dataset=synthetic(users=120,source_items=40,target_items=40)",
    "--backbone=sasrec(channels=8,num_blocks=1,dropout=0.2)",
    "--pretrain_epochs=2",
    "--pretrain_batch_size=40",  # a batch that is not divided evenly
    "--epochs=3",
    "--batch_size=25",
    "--learning_rate=0.01",
    "--checkpoint_seconds=0",
    "--run=run",
]
POLICY = "--policy=soft"  # which is searched, and trained anew
JOINT = [
    "--dataset=planted(users=300)",
    "--backbone=conet(embedding_size=4,hidden=[8])",
    "--bip_interval=5",
    "--epochs=2",
    "--checkpoint_seconds=0",
    "--run=run",
]
APART = 1e-3  # of any metric; losses are as equal as rounding lets them be


@pytest.fixture(scope="module")
def alone(tmp_path_factory):
    """The folder of a run on one machine."""
    place = tmp_path_factory.mktemp("alone")
    run_here(place, *SMALL, POLICY)
    return place / "run"


@pytest.fixture
def together(tmp_path, monkeypatch):
    """Starts workers, each in a folder of its own; none outlives the test."""
    started = []

    def begin(count, *flags, others=(), wanted=None):
        addresses = [f"127.0.0.1:{port}" for port in _free_ports(count)]
        wanted = range(count) if wanted is None else wanted
        for index in wanted:
            task = {"type": "worker", "index": index}
            config = {"cluster": {"worker": addresses}, "task": task}
            monkeypatch.setenv(CONFIG, json.dumps(config))
            folder = tmp_path / str(index)
            folder.mkdir(exist_ok=True)
            words = [*flags, *(others if index else ())]
            started.append(start(folder, *words, "--distribute=multi-worker"))
        return started[-len(wanted) :]

    yield begin
    for process in started:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        process.communicate()


def _free_ports(count):
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


def assert_same(run, other):
    for section in ("pretrain", "validation", "test"):
        found, expected = (metrics(x)[section] for x in (run, other))
        assert set(found) == set(expected)
        for name, value in expected.items():
            if name not in ("seconds", "cached"):
                assert found[name] == pytest.approx(value, abs=APART), name
    losses, expected = _losses(run), _losses(other)
    assert losses == pytest.approx(expected, rel=1e-5)


def _losses(run):
    with open(run / "history.csv", newline="") as file:
        return [float(row["loss"]) for row in csv.DictReader(file)]


def test_two_workers_end_as_one_machine(alone, together, tmp_path):
    """Although the second one sees no file of the chief's."""
    chief, worker = together(2, *SMALL, POLICY)
    out, err = chief.communicate(timeout=240)
    assert chief.returncode == 0, err
    assert "| soft " in out
    told, err = worker.communicate(timeout=60)
    assert worker.returncode == 0, err
    assert [line[:11] for line in told.splitlines()] == ["worker 1 of"] * 2
    assert_same(tmp_path / "0" / "run", alone)
    left = [path.name for path in (tmp_path / "1").iterdir()]
    assert left == ["cache"]
    assert [p.name for p in (tmp_path / "1" / "cache").iterdir()] == ["data"]


@pytest.mark.large
def test_a_killed_worker_stops_the_others_and_one_machine_goes_on(
    alone, together, tmp_path
):
    chief, worker = together(2, *SMALL, POLICY)
    run = tmp_path / "0" / "run"
    kill_when(worker, lambda: rows(run, "pretrain") == 1)
    since = time.monotonic()
    _, err = chief.communicate(timeout=60)
    assert time.monotonic() - since < 60
    assert chief.returncode == 2
    last = err.splitlines()[-1]
    assert last.startswith(
        "error: --distribute=multi-worker: worker 0 of 2 has lost another one"
    )
    assert last.endswith("start all of them again with --resume")
    assert not (run / "metrics.json").exists()
    run_here(tmp_path / "0", *SMALL, POLICY, "--resume")
    assert_same(run, alone)


@pytest.mark.usefixtures("interruptible")  # the child inherits it
@pytest.mark.parametrize("index", [0, 1])
def test_a_worker_that_waits_ends_by_a_signal(index, together, tmp_path):
    """Which TensorFlow, that would wait in its place, keeps for itself."""
    workers = together(2, *SMALL, POLICY, wanted=[index])
    number = (signal.SIGTERM, signal.SIGINT)[index]
    assert "waiting for all" in workers[0].stdout.readline()
    time.sleep(2)  # TensorFlow would have begun to.
    since = time.monotonic()
    workers[0].send_signal(number)
    out, err = workers[0].communicate(timeout=30)
    assert time.monotonic() - since < 15
    assert workers[0].returncode == 128 + number
    assert not out
    assert err == "interrupted; start it again by the same command\n"
    assert not list((tmp_path / str(index)).iterdir())


def test_devices_of_one_machine_pretrain_as_one(alone, tmp_path, monkeypatch):
    monkeypatch.setenv("TFXDR_CPU_DEVICES", "2")
    flags = [*SMALL, "--mode=pretrain", "--distribute=mirrored"]
    process = start(tmp_path, *flags)
    _, err = process.communicate(timeout=240)
    assert process.returncode == 0, err
    losses = _losses(tmp_path / "run")
    assert losses == pytest.approx(_losses(alone)[: len(losses)], rel=1e-5)


@pytest.mark.large
def test_devices_of_one_machine_end_as_one(alone, tmp_path, monkeypatch):
    monkeypatch.setenv("TFXDR_CPU_DEVICES", "2")
    process = start(tmp_path, *SMALL, POLICY, "--distribute=mirrored")
    _, err = process.communicate(timeout=240)
    assert process.returncode == 0, err
    assert_same(tmp_path / "run", alone)


@pytest.mark.large
@pytest.mark.parametrize(
    "flags",
    [
        [*SMALL, "--policy=soft,gumbel,popularity"],
        [*JOINT, "--meta=bip,oracle(category=harmful)"],
    ],
)
def test_several_components_on_four_workers(flags, together, tmp_path):
    run_here(tmp_path, *flags)
    chief, *workers = together(4, *flags)
    _, err = chief.communicate(timeout=600)
    assert chief.returncode == 0, err
    assert [worker.wait(60) for worker in workers] == [0, 0, 0]
    for path in (tmp_path / "run").glob("*/metrics.json"):
        expected = metrics(path.parent)["test"]
        found = metrics(tmp_path / "0" / "run" / path.parent.name)["test"]
        assert found == pytest.approx(expected, abs=APART)


@pytest.mark.large
def test_two_workers_go_on_where_one_machine_was_stopped(
    alone, together, tmp_path
):
    (tmp_path / "0").mkdir()
    process = start(tmp_path / "0", *SMALL, POLICY)
    run = tmp_path / "0" / "run"
    kill_when(process, lambda: rows(run, "finetune") == 1)
    chief, worker = together(2, *SMALL, POLICY, "--resume")
    _, err = chief.communicate(timeout=240)
    assert chief.returncode == 0, err
    assert worker.wait(60) == 0
    assert_same(run, alone)


@pytest.mark.large
@pytest.mark.parametrize("stage", ["joint", "retrain"])
def test_two_workers_go_on_with_what_is_searched(stage, together, tmp_path):
    flags = [*JOINT, "--meta=bip"]
    run_here(tmp_path, *flags)
    (tmp_path / "0").mkdir()
    process = start(tmp_path / "0", *flags)
    run = tmp_path / "0" / "run"
    kill_when(process, lambda: rows(run, stage) == 1)
    chief, worker = together(2, *flags, "--resume")
    _, err = chief.communicate(timeout=240)
    assert chief.returncode == 0, err
    assert worker.wait(60) == 0
    assert _losses(run) == pytest.approx(_losses(tmp_path / "run"), rel=1e-5)
    expected = metrics(tmp_path / "run")["test"]
    assert metrics(run)["test"] == pytest.approx(expected, abs=APART)


@pytest.mark.large
def test_a_worker_with_another_option_is_told_so(together):
    chief, worker = together(2, *SMALL, POLICY, others=["--epochs=4"])
    _, err = worker.communicate(timeout=120)
    assert worker.returncode == 1
    assert "--epochs=4 (the chief's is 3)" in err.splitlines()[-1]
    assert chief.wait(60) == 2


class TestRefusals:
    @pytest.mark.parametrize(
        ("flags", "config", "said"),
        [
            (["multi-worker"], None, "expected the environment variable"),
            (["multi-worker"], "{", "found {; docs/distributed.md"),
            (["mirrored", "--mode=evaluate"], None, "found --mode=evaluate"),
            (["mirrored"], None, "TFXDR_CPU_DEVICES=2"),
            (["everywhere"], None, "multi-worker, parameter-server, found"),
        ],
    )
    def test_what_cannot_be(
        self, flags, config, said, tmp_path, monkeypatch, capfd
    ):
        monkeypatch.delenv(CONFIG, raising=False)
        if config is not None:
            monkeypatch.setenv(CONFIG, config)
        flags = [f"--distribute={flags[0]}", *flags[1:], *SMALL]
        code, _, err = call_here(tmp_path, monkeypatch, capfd, *flags)
        assert code == 1
        assert said in err
        assert not list(tmp_path.iterdir())
