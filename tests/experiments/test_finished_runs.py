"""Folders of runs that something has damaged are refused, by a sentence."""

import json

import pytest
from made_runs import drawn, made_run

from tfxdr.errors import InputError
from tfxdr.experiments.finished_runs import JudgedRun


@pytest.fixture
def folder(tmp_path):
    return made_run(tmp_path, "all", "all", drawn(0, 0.5))


@pytest.mark.parametrize("name", ["policy", "protocol", "data", "test"])
def test_metrics_without_what_every_run_has(folder, name):
    path = folder / "metrics.json"
    result = json.loads(path.read_text())
    for value in (None, 7):
        path.write_text(json.dumps(result | {name: value}))
        with pytest.raises(InputError, match=r"metrics\.json: expected the te"):
            JudgedRun.open(folder)


@pytest.mark.parametrize(
    ("before", "after", "message"),
    [
        (b"--top_n=", b"--top=", "top"),
        (b"--eval_negatives=", b"#", "expected --eval_negatives, found none"),
        (b"--eval_negatives=", b"--eval_negatives=x", "eval_negatives"),
        (b"--dataset=", b"\xff", r"options\.flags is damaged"),
    ],
)
def test_damaged_options(folder, before, after, message):
    path = folder / "options.flags"
    text = path.read_bytes()
    assert before in text
    path.write_bytes(text.replace(before, after))
    with pytest.raises(InputError, match=message):
        JudgedRun.open(folder)
