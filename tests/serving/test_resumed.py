"""Many answers in parts: a kill costs one of them."""

import os
import signal

import duckdb
import numpy as np
import pytest

from tfxdr.errors import InputError
from tfxdr.files import parts_beside
from tfxdr.serving import resumed
from tfxdr.serving.batch import Best, write_best

PEOPLE = np.array([f"u{number}".encode() for number in range(20)], object)
NAMES = np.array(["a", "b", "c"], object)
ROWS = np.random.default_rng(2).permutation(len(PEOPLE))


@pytest.fixture(autouse=True)
def _small_parts(monkeypatch):
    monkeypatch.setattr(resumed, "MOST_USERS", 2)
    monkeypatch.setattr(resumed, "ROWS", 8)  # of two items: 4 users a part


class Answers:
    """Those of the users that were asked for, until something happens."""

    def __init__(self, after=100, happens=lambda: None):
        self.asked, self._after, self._happens = [], after, happens

    def __call__(self, rows):
        if len(self.asked) >= self._after:
            self._happens()
        self.asked += rows.tolist()
        user = np.repeat(rows, 2).astype(np.int64)
        yield Best(
            user,
            np.tile([1, 2], len(rows)).astype(np.int32),
            np.stack([rows % 3, (rows + 1) % 3], 1).ravel().astype(np.int64),
            (user / 4).astype(np.float32),
        )


def write(path, answers, **changed):
    said = []
    lines = resumed.write_in_parts(
        path,
        answers,
        **{"rows": ROWS, "k": 2, "asked": {"run": 1}} | changed,
        say=said.append,
        users=PEOPLE,
        items=NAMES,
        titles=None,
    )
    assert lines == 2 * len(changed.get("rows", ROWS))
    return said


@pytest.fixture(params=["parquet", "csv", "jsonl"])
def path(tmp_path, request):
    return tmp_path / f"it's [x]*.{request.param}"


def whole(tmp_path, path):
    """The file as it is when all are answered at once."""
    other = tmp_path / f"whole{path.suffix}"
    write_best(other, Answers()(ROWS), users=PEOPLE, items=NAMES, titles=None)
    return read(other)


def read(path):
    if path.suffix == ".parquet":
        return duckdb.execute("FROM read_parquet(?)", [str(path)]).fetchall()
    return path.read_text()


def test_parts_are_one_file(tmp_path, path):
    assert write(path, Answers()) == []
    assert [p.name for p in tmp_path.iterdir()] == [path.name]
    assert read(path) == whole(tmp_path, path)


def test_a_killed_process_is_gone_on_with(tmp_path, path):
    path.write_text("old")
    child = os.fork()
    if not child:
        stop = Answers(12, lambda: os.kill(os.getpid(), signal.SIGKILL))
        write(path, stop)
        os._exit(0)
    assert os.waitpid(child, 0)[1] == signal.SIGKILL
    assert path.read_text() == "old"
    answers = Answers()
    (said,) = write(path, answers)
    assert said.endswith(": 12 of 20 users are answered already")
    assert answers.asked == ROWS[12:].tolist()
    assert [p.name for p in tmp_path.iterdir()] == [path.name]
    assert read(path) == whole(tmp_path, path)


def interrupted():
    raise KeyboardInterrupt


@pytest.mark.parametrize(
    "changed",
    [{"asked": {"run": 2}}, {"k": 3}, {"rows": ROWS[::-1]}, {"rows": ROWS[1:]}],
)
def test_another_request_begins_anew(tmp_path, changed):
    path = tmp_path / "x.csv"
    with pytest.raises(KeyboardInterrupt):
        write(path, Answers(8, interrupted))
    answers = Answers()
    assert write(path, answers, **changed) == []
    assert answers.asked == changed.get("rows", ROWS).tolist()
    assert [p.name for p in tmp_path.iterdir()] == ["x.csv"]


def test_an_interrupted_one_goes_on(tmp_path):
    path = tmp_path / "x.csv"
    with pytest.raises(KeyboardInterrupt):
        write(path, Answers(8, interrupted))
    assert not path.exists()
    assert len(write(path, Answers())) == 1


def full():
    raise OSError(28, "No space left on device")


def test_a_full_disk_leaves_nothing(tmp_path):
    path = tmp_path / "x.csv"
    path.write_text("old")
    with pytest.raises(InputError, match="disk of .* is full.*--output"):
        write(path, Answers(8, full))
    assert [p.name for p in tmp_path.iterdir()] == ["x.csv"]
    assert path.read_text() == "old"


def test_two_processes_do_not_write_one_file(tmp_path):
    path = tmp_path / "x.csv"
    with (
        parts_beside(path, {}, "--output"),
        pytest.raises(InputError, match="x.csv: another process is writing it"),
    ):
        write(path, Answers())


def test_a_few_users_need_no_parts(tmp_path, monkeypatch):
    def no_parts(*_):
        raise AssertionError

    monkeypatch.setattr(resumed, "parts_beside", no_parts)
    write(tmp_path / "x.csv", Answers(), rows=ROWS[:4])
