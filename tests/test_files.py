import errno
import os

import pytest

from tfxdr import files
from tfxdr.errors import InputError
from tfxdr.files import (
    file_aside,
    made_aside,
    read_json,
    write_json,
    written_aside,
)
from tfxdr.folders import staying


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


def test_a_read_only_folder(read_only):
    for write in (written_aside, file_aside):
        with (
            pytest.raises(InputError, match="written: Permission denied"),
            write(read_only / "r"),
        ):
            pass
    assert names(read_only) == []


def test_who_is_first_stays(tmp_path):
    folder = tmp_path / "r"
    with written_aside(folder) as temporary:
        (temporary / "a").write_text("late")
        folder.mkdir()
        (folder / "a").write_text("first")
    assert (folder / "a").read_text() == "first"
    assert names(tmp_path) == ["r"]


_HALF_A_FOLDER = """
import pathlib, time
from tfxdr.files import written_aside
with written_aside(pathlib.Path({path!r})) as temporary:
    (temporary / "half").write_text("x")
    print("ready", flush=True)
    time.sleep(60)
"""
_HALF_A_FILE = """
import pathlib, time
from tfxdr.files import file_aside
with file_aside(pathlib.Path({path!r})) as file:
    file.write(b"half")
    file.flush()
    print("ready", flush=True)
    time.sleep(60)
"""


def _make_folder(path):
    with written_aside(path) as temporary:
        (temporary / "a").write_text("1")


def _make_file(path):
    with file_aside(path) as file:
        file.write(b"1")


@pytest.mark.parametrize(
    ("code", "write"),
    [(_HALF_A_FOLDER, _make_folder), (_HALF_A_FILE, _make_file)],
)
def test_what_a_killed_process_left_is_removed(tmp_path, writing, code, write):
    path = tmp_path / "r[1,2]"  # as a run of a backbone with options
    process = writing(code.format(path=str(path)))
    (half,) = tmp_path.iterdir()
    write(tmp_path / "other")
    files._remove_leftovers(path)
    assert half.exists()  # while it lives, it is its own
    process.kill()  # by SIGKILL
    process.wait()
    assert not path.exists()
    write(path)
    assert names(tmp_path) == ["other", "r[1,2]"]


def test_two_write_one_file_at_a_time(tmp_path, writing):
    path = tmp_path / "r"
    writing(_HALF_A_FILE.format(path=str(path)))
    _make_file(path)
    (half,) = set(names(tmp_path)) - {"r"}
    assert (tmp_path / half).read_bytes() == b"half"
    assert path.read_bytes() == b"1"


def test_a_file_taken_for_a_leftover_is_opened_again(tmp_path, monkeypatch):
    """Between its opening and its lock another process may remove it."""
    lock, path = files.fcntl.flock, tmp_path / "r"
    taken = []

    def late(file, how):
        if not taken:
            (half,) = tmp_path.iterdir()
            half.unlink()
            taken.append(half)
        lock(file, how)

    monkeypatch.setattr(files.fcntl, "flock", late)
    _make_file(path)
    assert taken and names(tmp_path) == ["r"]
    assert path.read_bytes() == b"1"


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError])
def test_a_file_that_fails_leaves_the_old_one(tmp_path, error):
    path = tmp_path / "deep" / "r"
    _make_file(path)
    with pytest.raises(error), file_aside(path) as file:
        file.write(b"half")
        raise error
    assert names(path.parent) == ["r"]
    assert path.read_bytes() == b"1"


def test_json_round_trip_and_its_errors(tmp_path):
    path = tmp_path / "deep" / "a.json"
    write_json(path, {"a": [1, 2]})
    assert read_json(path) == {"a": [1, 2]}
    assert names(path.parent) == ["a.json"]
    path.write_text("{\n  oops")
    with pytest.raises(InputError, match=r"a\.json, line 2, column 3"):
        read_json(path)
    path.write_bytes(b'{"a": "\xff"}')
    with pytest.raises(InputError, match=r"a\.json: expected UTF-8 text"):
        read_json(path)
    path.write_text("[1]")
    with pytest.raises(InputError, match="expected a JSON object, found list"):
        read_json(path)
    with pytest.raises(InputError, match=r"gone\.json cannot be read"):
        read_json(tmp_path / "gone.json")


def test_a_file_that_cannot_be_written_leaves_the_old_one(
    tmp_path, monkeypatch
):
    path = tmp_path / "a.json"
    write_json(path, {"a": 1})

    def full(descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(files.os, "fsync", full)
    with pytest.raises(InputError, match=r"is full.*--run"):
        write_json(path, {"a": 2})
    assert names(tmp_path) == ["a.json"]
    assert read_json(path) == {"a": 1}


@pytest.mark.parametrize("name", ["plain", "a[1]", "b *?", "c\\d", "{e}"])
def test_a_plain_path_leads_to_the_folder(tmp_path, name):
    (tmp_path / name).mkdir()
    with files.plain_path(tmp_path / name) as place:
        assert not set("*?[]{}\\") & set(str(place))
        (place / "a").write_text("1")
    assert names(tmp_path / name) == ["a"]
    assert place.exists() == (name == "plain")


def test_a_library_that_speaks_of_a_full_disk(tmp_path):
    error = RuntimeError("Write failed; No space left on device [Op:Save]")
    with (
        pytest.raises(InputError, match=r"is full.*--run"),
        written_aside(tmp_path / "r", "--run"),
    ):
        raise error
    assert names(tmp_path) == []


@pytest.mark.parametrize("write", [written_aside, file_aside])
def test_folders_that_were_made_for_it_go_with_it(tmp_path, write):
    (tmp_path / "theirs").mkdir()
    with pytest.raises(RuntimeError), write(tmp_path / "theirs/a/b/r"):
        raise RuntimeError
    assert names(tmp_path / "theirs") == []
    with pytest.raises(RuntimeError), write(tmp_path / "theirs/a/b/r"):
        (tmp_path / "theirs/a/other").touch()
        raise RuntimeError
    assert names(tmp_path / "theirs/a") == ["other"]


@pytest.mark.parametrize("again", [False, True])
@pytest.mark.parametrize("write", [written_aside, file_aside])
def test_a_removed_folder_is_not_made_again(tmp_path, write, again):
    folder = tmp_path / "run"
    folder.mkdir()
    with staying(folder):
        with write(folder / "deep" / "r"):
            pass
        folder.rename(tmp_path / "moved")
        if again:
            folder.mkdir()
        with (
            pytest.raises(InputError, match="run was removed or moved"),
            write(folder / "deep" / "s"),
        ):
            pass
    assert names(tmp_path) == (["moved", "run"] if again else ["moved"])
    assert names(tmp_path / "moved" / "deep") == ["r"]
    with write(folder / "deep" / "s"):  # The next one may.
        pass


def test_what_is_beside_a_file_comes_with_it(tmp_path):
    (tmp_path / "r").mkdir()
    (tmp_path / "r" / "theirs").write_text("1")
    for text in ("2", "3"):
        with made_aside(tmp_path / "r.md", "--output", beside="r") as aside:
            (aside / "r").mkdir()
            (aside / "r" / "a").write_text(text)
            (aside / "r.md").write_text(text)
            (aside / "scratch").write_text(text)
    with pytest.raises(RuntimeError):
        with made_aside(tmp_path / "r.md", "--output", beside="r") as aside:
            (aside / "r").mkdir()
            (aside / "r" / "b").write_text("half")
            raise RuntimeError
    assert names(tmp_path) == ["r", "r.md"]
    assert names(tmp_path / "r") == ["a", "theirs"]
    assert (tmp_path / "r/a").read_text() == (tmp_path / "r.md").read_text()
