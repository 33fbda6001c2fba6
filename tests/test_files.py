import errno
import os
import signal
import subprocess
import sys
import time

import pytest

from tfxdr import files
from tfxdr.errors import InputError
from tfxdr.files import read_json, write_json, written_aside


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_it_appears_when_it_is_whole(tmp_path):
    folder = tmp_path / "deep" / "result"
    with written_aside(folder) as temporary:
        (temporary / "a").write_text("1")
        assert not folder.exists()
    assert names(folder) == ["a"]
    assert names(folder.parent) == ["result"]


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError, SystemExit])
def test_a_failure_leaves_nothing(tmp_path, error):
    with pytest.raises(error), written_aside(tmp_path / "r") as temporary:
        (temporary / "a").write_text("1")
        raise error
    assert names(tmp_path) == []


@pytest.mark.parametrize(
    ("code", "message"),
    [(errno.ENOSPC, "is full"), (errno.EROFS, "cannot be written")],
)
def test_errors_of_the_disk(tmp_path, code, message):
    with (
        pytest.raises(InputError, match=f"{message}.*--cache_dir"),
        written_aside(tmp_path / "r"),
    ):
        raise OSError(code, os.strerror(code))
    assert names(tmp_path) == []


def test_the_disk_is_full_when_syncing(tmp_path, monkeypatch):
    def full(descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(files.os, "fsync", full)
    with (
        pytest.raises(InputError, match="is full"),
        written_aside(tmp_path / "r") as temporary,
    ):
        (temporary / "a").write_text("1")
    assert names(tmp_path) == []


def test_a_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(InputError, match="--cache_dir"),
        written_aside(tmp_path / "file" / "r"),
    ):
        pass


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_folder(tmp_path):
    tmp_path.chmod(0o500)
    try:
        with (
            pytest.raises(InputError, match="cannot be written"),
            written_aside(tmp_path / "r"),
        ):
            pass
    finally:
        tmp_path.chmod(0o700)


def test_who_is_first_stays(tmp_path):
    folder = tmp_path / "r"
    with written_aside(folder) as temporary:
        (temporary / "a").write_text("late")
        folder.mkdir()
        (folder / "a").write_text("first")
    assert (folder / "a").read_text() == "first"
    assert names(tmp_path) == ["r"]


def test_what_a_killed_process_left_is_removed(tmp_path):
    code = (
        "import pathlib, time\n"
        "from tfxdr.files import written_aside\n"
        f"with written_aside(pathlib.Path({str(tmp_path / 'r')!r})) as t:\n"
        "    (t / 'half').write_text('x')\n"
        "    print('ready', flush=True)\n"
        "    time.sleep(60)\n"
    )
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.PIPE, env=environment
    ) as process:
        process.stdout.readline()
        (half,) = tmp_path.iterdir()
        # While it lives, its folder is its own.
        with written_aside(tmp_path / "other"):
            pass
        files._remove_leftovers(tmp_path / "r")
        assert half.exists()
        process.send_signal(signal.SIGKILL)
        process.wait()
    assert not (tmp_path / "r").exists()
    for _ in range(50):
        files._remove_leftovers(tmp_path / "r")
        if not half.exists():
            break
        time.sleep(0.1)
    assert not half.exists()


def test_json_round_trip_and_its_errors(tmp_path):
    path = tmp_path / "deep" / "a.json"
    write_json(path, {"a": [1, 2]})
    assert read_json(path) == {"a": [1, 2]}
    assert names(path.parent) == ["a.json"]
    path.write_text("{\n  oops")
    with pytest.raises(InputError, match=r"a\.json, line 2, column 3"):
        read_json(path)
    with pytest.raises(InputError, match=r"gone\.json cannot be read"):
        read_json(tmp_path / "gone.json")


def test_a_file_that_cannot_be_written_leaves_the_old_one(
    tmp_path, monkeypatch
):
    path = tmp_path / "a.json"
    write_json(path, 1)

    def full(descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(files.os, "fsync", full)
    with pytest.raises(InputError, match=r"is full.*--run"):
        write_json(path, 2)
    assert names(tmp_path) == ["a.json"]
    assert read_json(path) == 1
