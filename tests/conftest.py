"""What every test shares: few threads, and where data stand."""

from __future__ import annotations

import gzip
import os
import pathlib
import signal
import subprocess
import sys
import types
from collections.abc import Callable, Iterator

# Before TensorFlow starts: tests run side by side, on tiny tensors.
os.environ.setdefault("TF_NUM_INTRAOP_THREADS", "1")
os.environ.setdefault("TF_NUM_INTEROP_THREADS", "1")
os.environ.setdefault("CUDA_VISIBLE_DEVICES", "")

import hypothesis
import privileges
import pytest

import tfxdr  # noqa: F401  Chooses Keras 2 before a test imports TensorFlow.

# How long an example takes says how busy the machine is.
hypothesis.settings.register_profile(
    "untimed",
    deadline=None,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
)
hypothesis.settings.load_profile("untimed")

_TESTS = pathlib.Path(__file__).parent
_CHECKOUT = _TESTS.parent


@pytest.fixture
def interruptible() -> Iterator[None]:
    """Ctrl-C as on a terminal: a background shell has it ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.fixture
def registries() -> Iterator[None]:
    """All own components are registered, and no other.

    Those of plugins that another test has loaded come back after the test, and
    what the test itself registers goes.
    """
    # Not at the top: pytest itself, which only collects, needs no TensorFlow.
    from tfxdr import registry
    from tfxdr.modes.start import import_components
    from tfxdr.registry import origins

    import_components()
    entries = [dict(known._entries) for known in registry.ALL]
    loaded, modules = list(origins.loaded_plugins), _modules_of_plugins()
    for known in registry.ALL:
        known.revise(lambda e: e if e.origin == origins.OWN else None)
    _forget_plugins()
    yield
    _forget_plugins()
    for known, before in zip(registry.ALL, entries, strict=True):
        known._entries = before
    origins.loaded_plugins[:] = loaded
    sys.modules.update(modules)


def _modules_of_plugins() -> dict[str, types.ModuleType]:
    return {
        name: module
        for name, module in sys.modules.items()
        if name.startswith(("tfxdr_plugin_", "tfxdr_addons"))
    }


def _forget_plugins() -> None:
    """What is loaded next registers again."""
    from tfxdr.registry import origins

    origins.loaded_plugins.clear()
    for name in _modules_of_plugins():
        del sys.modules[name]


@pytest.fixture(scope="session")
def data_root() -> pathlib.Path:
    """The folder of real data sets: TFXDR_DATA, or one beside the checkout."""
    default = _CHECKOUT.parent / "shared" / "data"
    root = pathlib.Path(os.environ.get("TFXDR_DATA", default))
    if not root.is_dir():
        pytest.skip(f"no real data: set TFXDR_DATA (looked at {root})")
    return root


@pytest.fixture(scope="session")
def golden_root() -> pathlib.Path:
    """The folder of golden numbers: TFXDR_GOLDEN, or the committed one."""
    return pathlib.Path(os.environ.get("TFXDR_GOLDEN", _TESTS / "golden"))


@pytest.fixture
def write(tmp_path):
    """Writes a file below `tmp_path`; compressed if it ends in .gz."""

    def write_file(name, text, encoding="utf-8"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        content = text if isinstance(text, bytes) else text.encode(encoding)
        path.write_bytes(
            gzip.compress(content, mtime=0) if name.endswith(".gz") else content
        )
        return path

    return write_file


@pytest.fixture
def read_only(tmp_path) -> Iterator[pathlib.Path]:
    """A folder that nobody can write in this test, root included."""
    folder = tmp_path / "read-only"
    folder.mkdir(mode=0o500)
    with privileges.modes_count():
        yield folder
    folder.chmod(0o700)


@pytest.fixture
def prepared(tmp_path):
    """Prepares a source into a cache below `tmp_path`."""

    def prepare_source(source, **options):
        from tfxdr.data.prepare import prepare

        return prepare(source, cache_dir=tmp_path / "cache", **options)

    return prepare_source


@pytest.fixture
def writing() -> Iterator[Callable[[str], subprocess.Popen]]:
    """Starts a process in code that prints a line when it is half done."""
    started = []

    def start(code: str) -> subprocess.Popen:
        process = subprocess.Popen(
            [sys.executable, "-c", code],
            stdout=subprocess.PIPE,
            env=os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)},
        )
        started.append(process)
        assert process.stdout.readline()
        return process

    yield start
    for process in started:
        process.kill()
        process.communicate()
