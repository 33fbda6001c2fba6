"""Devices that are there and are not, beside a TensorFlow that has none."""

from __future__ import annotations

import subprocess
import sys

import pytest
import tensorflow as tf

from tfxdr.errors import InputError
from tfxdr.experiments.machine import set_device


@pytest.fixture
def machine(monkeypatch):
    """One with two GPUs: what is visible, and what grows."""
    seen = {"grows": []}

    def set_visible(devices, kind):
        if seen.get("started"):
            raise RuntimeError("Visible devices cannot be modified")
        seen[kind] = devices

    config = tf.config
    gpus = {"GPU": ["first", "second"]}
    monkeypatch.setattr(config, "list_physical_devices", gpus.get)
    monkeypatch.setattr(config, "set_visible_devices", set_visible)
    monkeypatch.setattr(
        config.experimental,
        "set_memory_growth",
        lambda device, grows: seen["grows"].append((device, grows)),
    )
    return seen


@pytest.mark.parametrize(
    ("name", "visible"),
    [
        ("auto", ["first", "second"]),
        ("cpu", []),
        ("gpu", ["first"]),
        ("gpu:0", ["first"]),
        ("gpu:1", ["second"]),
    ],
)
def test_others_are_hidden_and_memory_grows(machine, name, visible):
    set_device(name)
    assert machine["GPU"] == visible
    assert machine["grows"] == [(device, True) for device in visible]


def test_an_unknown_one_is_refused_by_what_there_is(machine):
    message = "--device=gpu:2: .* expected one of auto, cpu, gpu:0, gpu:1$"
    with pytest.raises(InputError, match=message):
        set_device("gpu:2")
    assert "GPU" not in machine


def test_tensorflow_may_have_started_with_them(machine):
    machine["started"] = True
    set_device("auto")
    with pytest.raises(InputError, match="--device=cpu: TensorFlow has start"):
        set_device("cpu")


def test_two_cpus_are_one_device_here():
    """As tests of several devices have them: they stay, whatever is named."""
    code = (
        "import tensorflow as tf\n"
        "from tfxdr.errors import InputError\n"
        "from tfxdr.experiments.machine import set_device\n"
        "(cpu,) = tf.config.list_physical_devices('CPU')\n"
        "two = [tf.config.LogicalDeviceConfiguration()] * 2\n"
        "tf.config.set_logical_device_configuration(cpu, two)\n"
        "set_device('cpu')\n"
        "set_device('auto')\n"
        "assert len(tf.config.list_logical_devices('CPU')) == 2\n"
        "with tf.device('CPU:1'):\n"
        "    assert tf.constant(1.0).device.endswith('CPU:1')\n"
        "if not tf.config.list_physical_devices('GPU'):\n"
        "    try:\n"
        "        set_device('gpu')\n"
        "    except InputError as error:\n"
        "        print(error)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    expected = (
        "--device=gpu: there is no such device; expected one of auto, cpu"
    )
    assert done.stdout.strip() in (expected, "")
