"""What is compared after a run that was killed."""

import json
import subprocess
import sys
from contextlib import nullcontext

import pytest

from benchmarks import faults


def _folder(root, loss, *extra):
    (root / "run" / "weights").mkdir(parents=True, exist_ok=True)
    metrics = {"test": {"hr@5": loss, "seconds": 3.0}, "cost": {"seconds": 2}}
    (root / "run" / "metrics.json").write_text(json.dumps(metrics))
    for name in ("events.out.1", *extra):
        (root / "run" / name).write_text("")
    return faults.outcome(root)


def test_clocks_and_names_of_event_files_are_no_difference(tmp_path):
    first = _folder(tmp_path / "a", 0.5)
    (tmp_path / "b" / "run").mkdir(parents=True)
    (tmp_path / "b" / "run" / "events.out.2").write_text("")
    second = _folder(tmp_path / "b", 0.5)
    assert first.metrics == {"test/hr@5": 0.5}
    assert first.differences(second) == []


def test_metrics_and_stray_files_are(tmp_path):
    first = _folder(tmp_path / "a", 0.5)
    second = _folder(tmp_path / "b", 0.25, "metrics.json.partial")
    assert first.differences(second) == [
        "test/hr@5: 0.5 and 0.25",
        "run/metrics.json.partial: 0 and 1",
    ]


def test_numbers_of_checkpoints_are_no_difference_and_their_count_is(tmp_path):
    name = "run/checkpoints/fit/{}/variables.index"
    found = []
    for folder, numbers in (("a", [5]), ("b", [6]), ("c", [5, 6])):
        for number in numbers:
            path = tmp_path / folder / name.format(number)
            path.parent.mkdir(parents=True)
            path.write_text("")
        found.append(_folder(tmp_path / folder, 0.5))
    one, other, both = found
    assert one.differences(other) == []
    assert name.format("N") + ": 1 and 2" in one.differences(both)


def _process(text):
    return subprocess.Popen(
        [sys.executable, "-c", text], stdout=subprocess.DEVNULL
    )


@pytest.mark.parametrize(
    ("written", "code", "fault"),
    [
        ("error: --distribute=multi-worker: has lost another one", 2, None),
        ("Traceback", 1, "ended with 1 and no sentence"),
        ("worker 0 of 2: at a:1, waiting for all", None, None),
        ("", None, "did not stop in a minute"),
    ],
)
def test_a_worker_that_has_lost_another_one_ends_by_itself(
    tmp_path, monkeypatch, written, code, fault
):
    monkeypatch.setattr(faults, "_SOON", 0.3 if code is None else 20)
    end = "import time; time.sleep(60)" if code is None else f"exit({code})"
    (tmp_path / "output.txt").write_text(written)
    with (
        _process(end) as process,
        pytest.raises(RuntimeError, match=fault) if fault else nullcontext(),
    ):
        faults._see_it_end(process, tmp_path / "output.txt")
    assert process.returncode is not None
