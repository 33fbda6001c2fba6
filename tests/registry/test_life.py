"""A run with a component of somebody's own, from its start to an export."""

from __future__ import annotations

import json
import os
import pathlib
import subprocess
import sys

import pytest
from written import write

ROOT = pathlib.Path(__file__).parents[2]
SMALL = [
    "--dataset=synthetic(users=150)",
    "--backbone=nextitnet(channels=4,dilations=[1,2,4,8])",
    "--policy=gate(slope=2)",
    "--policy_network=nextitnet(dilations=[1,2])",  # is traced in seconds
    "--epochs=2",
    "--pretrain_epochs=1",
    "--learning_rate=0.01",
    "--batch_size=16",  # In the first step both towers are the same.
]
STARTER = """
import sys

import mine  # registers the policy
from tfxdr.main import main

if __name__ == "__main__":
    sys.exit(main())
"""
POLICY = """
import tfxdr
from absl import flags

flags.DEFINE_float("gate_slope", 1.0, "What slopes are multiplied by.")


@tfxdr.policies.register("gate")
class Gate(tfxdr.Policy):
    \"\"\"A sigmoid gate with a slope that is learned.\"\"\"

    def __init__(self, slope: float = 1.0):
        import tensorflow as tf

        self.slope = tf.Variable(slope * flags.FLAGS.gate_slope)

    def call(self, logits, context, training):
        import tensorflow as tf

        return tf.sigmoid(self.slope * logits[..., 0])
"""


class Folder:
    def __init__(self, path: pathlib.Path) -> None:
        self.path = path
        self.said = ""  # by the script

    def command(self, *words, cwd=None, code=0):
        done = subprocess.run(
            [sys.executable, *words],
            cwd=cwd or self.path,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
        )
        assert done.returncode == code, done.stderr
        return done

    def metrics(self, run):
        return json.loads((self.path / run / "metrics.json").read_text())


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A script that imports a policy of somebody's own has been run."""
    folder = Folder(tmp_path_factory.mktemp("life"))
    write(folder.path, "mine.py", POLICY)
    write(folder.path, "starter.py", STARTER)
    done = folder.command("starter.py", *SMALL, "--run=run", "--gate_slope=2")
    folder.said = done.stderr
    return folder


def test_its_variables_are_trained(folder):
    import tensorflow as tf

    weights = folder.path / "run" / "weights"
    (prefix,) = {str(f).rpartition(".")[0] for f in weights.glob("*.index")}
    reader = tf.train.load_checkpoint(prefix)
    (slope,) = (
        reader.get_tensor(name)
        for name in reader.get_variable_to_shape_map()
        if "policy/slope" in name
    )
    assert slope != 4.0 and abs(slope - 4.0) < 1.0


def test_a_session_says_how_to_replay_it(folder):
    (note,) = (
        line for line in folder.said.splitlines() if line.startswith("note:")
    )
    assert "policy gate is registered in this session alone" in note
    assert "--plugins=FILE" in note


@pytest.mark.large
def test_its_options_replay_it(folder):
    """From elsewhere, without the script, and by the run's plugins later."""
    flags = folder.path / "run" / "options.flags"
    elsewhere = folder.path / "elsewhere"
    elsewhere.mkdir()
    folder.command(
        *("-m", "tfxdr.main", f"--flagfile={flags}"),
        *(f"--run={folder.path / 'again'}", f"--cache_dir={elsewhere}"),
        "--plugins=../mine.py",
        cwd=elsewhere,
    )
    assert folder.metrics("again")["test"] == folder.metrics("run")["test"]
    again = folder.path / "again" / "options.flags"
    assert f"--plugins={folder.path / 'mine.py'}" in again.read_text()


@pytest.mark.large
def test_it_is_exported(folder):
    told = folder.command(
        *("-m", "tfxdr.main", "--mode=export", "--run=run", "--gate_slope=2"),
        *("--export_dir=export", "--warm_up_sizes=1", "--plugins=mine.py"),
    ).stdout
    assert "are those of the trained model" in told


@pytest.mark.large
def test_code_that_changed_is_said(folder):
    path = folder.path / "mine.py"
    path.write_text(POLICY + "# Changed.\n")  # the last test that reads it
    options = ["-m", "tfxdr.main", "--run=run", "--plugins=mine.py"]
    done = folder.command(*options, "--mode=evaluate")
    assert "| gate(slope=2.0)" in done.stdout
    said = done.stderr
    assert "warning: the code of policy gate has changed since" in said
    said = folder.command(*options, "--resume", code=1).stderr
    assert "--resume: the code of policy gate has changed" in said
