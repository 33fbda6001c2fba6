"""Which devices and processes there are, and how they find each other."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import signal
import threading
from collections.abc import Callable, Iterator

import tensorflow as tf

from tfxdr.errors import InputError
from tfxdr.start_up import captured_stderr
from tfxdr.training import parameter_server, rendezvous, tf_config
from tfxdr.training.distribution import Devices, Distribution, Workers

MIRRORED, MULTI_WORKER = "mirrored", "multi-worker"
CPU_DEVICES = "TFXDR_CPU_DEVICES"
_CONFIG = tf_config.CONFIG
_EXAMPLE = (
    '{"cluster": {"worker": ["HOST:PORT", "HOST:PORT"]}, '
    '"task": {"type": "worker", "index": 0}}'
)

# Of this process: the runtime learns of the others once.
_started: dict[str, Distribution] = {}


@dataclasses.dataclass(frozen=True)
class Place:
    """A process among all of them.

    Attributes:
      index: from 0; the chief's is 0.
      addresses: of all, in their order.
    """

    index: int
    addresses: tuple[str, ...]


def start(kind: str, say: Callable[[str], None]) -> Distribution:
    """What a process trains on; TensorFlow has to be at rest.

    Args:
      kind: `none`, `mirrored`, `multi-worker` or `parameter-server`.
      say: called with a line before it waits for others.

    Raises:
      InputError: there are no several devices, TF_CONFIG is not what is
        expected, or TensorFlow has been at work in this process.
    """
    ways: dict[str, Callable[[], Distribution]] = {
        MIRRORED: _mirrored,
        MULTI_WORKER: lambda: _joined(say),
        parameter_server.NAME: lambda: parameter_server.connected(say),
    }
    if kind not in ways:
        return Distribution()
    if kind not in _started:
        try:
            _started[kind] = ways[kind]()
        except RuntimeError as error:
            raise InputError(
                f"--distribute={kind}: TensorFlow has been at work in this "
                "process already, and no longer lets devices be arranged: "
                "start another process"
            ) from error
    return _started[kind]


def place_from(text: str | None) -> Place:
    """Reads TF_CONFIG.

    Raises:
      InputError: says what is expected.
    """
    kinds = {"chief": False, "worker": False}
    flag = f"--distribute={MULTI_WORKER}"
    task = tf_config.task_from(text, flag, _EXAMPLE, kinds)
    addresses = tuple(a for kind in kinds for a in task.jobs.get(kind, ()))
    return Place(addresses.index(task.address), addresses)


def _mirrored() -> Distribution:
    """All GPUs, or else all logical CPUs, of which a machine has one."""
    _make_logical_cpus()
    devices = tf.config.list_logical_devices("GPU")
    devices = devices or tf.config.list_logical_devices("CPU")
    if len(devices) < 2:
        raise InputError(
            f"--distribute={MIRRORED}: expected two devices or more, found "
            f"{devices[0].name} alone; leave the option out, or, to try it, "
            f"set the environment variable {CPU_DEVICES}=2"
        )
    with captured_stderr():
        return Devices(
            tf.distribute.MirroredStrategy([device.name for device in devices])
        )


def _make_logical_cpus() -> None:
    """As many as the environment asks for, for trials and tests."""
    text = os.environ.get(CPU_DEVICES)
    if not text:
        return
    if not text.isdecimal() or int(text) < 1:
        raise InputError(
            f"{CPU_DEVICES}: expected an integer of at least 1, found "
            f"{text!r}; leave it out"
        )
    (cpu, *_) = tf.config.list_physical_devices("CPU")
    tf.config.set_logical_device_configuration(
        cpu, [tf.config.LogicalDeviceConfiguration()] * int(text)
    )


def _joined(say: Callable[[str], None]) -> Distribution:
    """With all others, for which it waits."""
    place = place_from(os.environ.get(_CONFIG))
    count = len(place.addresses)
    own = place.addresses[place.index]
    say(f"worker {place.index} of {count}: at {own}, waiting for all")
    try:
        rendezvous.meet(own, [a for a in place.addresses if a != own])
        with _default_signals(), captured_stderr():
            strategy = tf.distribute.MultiWorkerMirroredStrategy()
            workers = Workers(strategy, place.index, count)
            workers.of_chief(lambda: None)  # They may have gone meanwhile.
    except (tf.errors.OpError, OSError) as error:
        reason = getattr(error, "message", str(error)).strip().splitlines()[0]
        raise InputError(
            f"--distribute={MULTI_WORKER}: worker {place.index} of {count} "
            f"could not join at {own}: {reason}; see that the port is free "
            f"and that {_CONFIG} names the same workers everywhere"
        ) from error
    return workers


@contextlib.contextmanager
def _default_signals() -> Iterator[None]:
    """Ctrl-C ends the process at once, while TensorFlow waits.

    It does not come back to Python meanwhile, and nothing is there to save. A
    SIGTERM it keeps for itself: that is why processes meet before.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    numbers = (signal.SIGINT, signal.SIGTERM)
    before = {n: signal.signal(n, signal.SIG_DFL) for n in numbers}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
