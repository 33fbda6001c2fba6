"""What is compared after a run that was killed."""

import json

from benchmarks import faults


def _folder(root, loss, *extra):
    (root / "run" / "weights").mkdir(parents=True)
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
        "run/metrics.json.partial: in one of the two alone",
    ]
