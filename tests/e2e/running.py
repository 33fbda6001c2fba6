"""Runs of the program, small ones, and what they leave."""

import contextlib
import io
import json
import os
import pathlib
import signal
import subprocess
import sys
import time

import pytest

from tfxdr import main

SMALL = [
    "--dataset=synthetic(users=300,source_items=60,target_items=40)",
    "--backbone=nextitnet(channels=8,dilations=[1,2,4,8])",
    "--policy_network=nextitnet(dilations=[1,2])",  # is traced in seconds
    "--pretrain_epochs=3",
    "--pretrain_batch_size=64",
    "--epochs=3",
    "--batch_size=32",
    "--learning_rate=0.005",
    "--eval_negatives=10",
]


def start(tmp_path, *flags, **options):
    command = [sys.executable, "-m", "tfxdr.main", *flags]
    environment = dict(os.environ, COLUMNS="100")
    return subprocess.Popen(
        command,
        cwd=tmp_path,
        env=environment,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        **options,
    )


def call(tmp_path, *flags):
    process = start(tmp_path, *flags)
    out, err = process.communicate(timeout=300)
    return process.returncode, out, err


def call_here(tmp_path, monkeypatch, capfd, *flags):
    """As `call`, in this process: TensorFlow is imported once for all."""
    monkeypatch.chdir(tmp_path)
    code = main.main(["tfxdr", *flags])
    out, err = capfd.readouterr()
    return code, out, err


def run_here(folder, *flags):
    """A run that has to succeed, for fixtures of a module; what it printed."""
    out, err = io.StringIO(), io.StringIO()
    with (
        pytest.MonkeyPatch.context() as patch,
        contextlib.redirect_stdout(out),
        contextlib.redirect_stderr(err),
    ):
        patch.chdir(folder)
        assert main.main(["tfxdr", *flags]) == 0, err.getvalue()
    return out.getvalue()


def metrics(folder):
    return json.loads((pathlib.Path(folder) / "metrics.json").read_text())


def kill_when(process, ready, deadline=240):
    """Sends SIGKILL as soon as `ready()`; it must still be running then."""
    end = time.monotonic() + deadline
    while not ready():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < end
        time.sleep(0.02)
    process.send_signal(signal.SIGKILL)
    process.communicate()


def rows(folder, stage):
    path = folder / "history.csv"
    if not path.is_file():
        return 0
    return sum(line.startswith(stage) for line in path.read_text().splitlines())
