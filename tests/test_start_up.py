"""Foreign settings of the machine, and streams that are closed."""

import json
import os
import subprocess
import sys

import pytest

from tfxdr import start_up


def call(code, *, shell="{}", **variables):
    """Runs some Python in a fresh process; `shell` may redirect it."""
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    environment |= {"CODE": code, "PYTHON": sys.executable} | variables
    return subprocess.run(
        ["sh", "-c", shell.format('"$PYTHON" -c "$CODE"')],
        env=environment,
        capture_output=True,
        timeout=300,
        check=False,
    )


def test_text_that_the_encoding_has_no_letters_for():
    code = (
        "import sys; from tfxdr.start_up import usable_streams\n"
        "with usable_streams(): print('caf\\u00e9 \\u2026')\n"
        "assert sys.stdout.errors == 'strict'"
    )
    done = call(code, PYTHONIOENCODING="ascii:strict")
    assert done.returncode == 0, done.stderr
    assert done.stdout == b"caf\\xe9 \\u2026\n"


@pytest.mark.parametrize("closed", ["2>&-", ">&-", "<&-", "<&- >&- 2>&-"])
def test_closed_streams_are_nobody_elses(tmp_path, closed):
    path = tmp_path / "file"
    code = (
        "import os, sys; from tfxdr.start_up import usable_streams\n"
        "with usable_streams():\n"
        f"    file = open({str(path)!r}, 'w')\n"
        "    assert file.fileno() > 2\n"
        "    print('out'); print('err', file=sys.stderr)\n"
        "    os.write(2, b'C++'); file.write('mine'); file.close()"
    )
    done = call(code, shell="{} " + closed)
    assert done.returncode == 0, done.stderr
    assert path.read_text() == "mine"


SETTINGS = {
    "float64": {"floatx": "float64", "epsilon": 1e-3},
    "first": {"image_data_format": "channels_first"},
    "refused": {"floatx": "bfloat16", "epsilon": 1},
    "list": [],
}


@pytest.mark.parametrize("name", SETTINGS)
def test_a_foreign_keras_json_and_a_missing_backend(tmp_path, name):
    (tmp_path / "keras.json").write_text(json.dumps(SETTINGS[name]))
    code = (
        "import os; from tfxdr.start_up import start_tensorflow\n"
        "import tfxdr; start_tensorflow()\n"
        "from tensorflow import keras\n"
        "assert keras.backend.floatx() == 'float32'\n"
        "assert keras.backend.epsilon() == 1e-7\n"
        "assert keras.backend.image_data_format() == 'channels_last'\n"
        "assert keras.layers.Dense(1)(keras.Input([2])).dtype == 'float32'\n"
        f"assert os.environ['KERAS_HOME'] == {str(tmp_path)!r}\n"
        "assert os.environ['MPLBACKEND'] == 'module://missing_inline'\n"
        "from tfxdr.report import figures"
    )
    done = call(
        code, KERAS_HOME=str(tmp_path), MPLBACKEND="module://missing_inline"
    )
    assert done.returncode == 0, done.stderr.decode()


@pytest.mark.parametrize("backend", ["nonsense", "svg"])
def test_matplotlib_keeps_a_backend_that_it_has(backend):
    code = (
        "import tfxdr; from tfxdr.start_up import import_matplotlib\n"
        "import_matplotlib()\n"
        "import matplotlib; print(matplotlib.rcParams['backend'])"
    )
    done = call(code, MPLBACKEND=backend)
    assert done.returncode == 0, done.stderr.decode()
    assert (done.stdout.decode().strip() == backend) == (backend == "svg")


_KEEPS = """
import ctypes, gc
from tfxdr import start_up
kept = start_up.keep_freed_memory()
libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p
libc.free.argtypes = [ctypes.c_void_p]
def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096
blocks = [libc.malloc(16 << 20) for _ in range(8)]
for block in blocks:
    ctypes.memset(block, 1, 16 << 20)
full = resident()
for block in reversed(blocks):
    libc.free(block)
print(kept, full - resident() < 64 << 20)
"""


@pytest.mark.skipif(not start_up._is_glibc(), reason="glibc alone has it")
@pytest.mark.parametrize(
    ("variables", "kept"),
    [
        ({}, True),
        ({"TFXDR_KEEP_MEMORY": "0"}, False),
        ({"MALLOC_ARENA_MAX": "4"}, False),
    ],
)
def test_freed_memory_stays_unless_a_variable_says_otherwise(
    monkeypatch, variables, kept
):
    for name in list(os.environ):
        if name.startswith(("MALLOC_", "GLIBC_", "TFXDR_KEEP")):
            monkeypatch.delenv(name)
    done = call(_KEEPS, **variables)
    assert done.stdout.split() == [str(kept).encode()] * 2, done.stderr
