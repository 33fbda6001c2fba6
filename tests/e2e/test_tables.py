"""Rows of tables: each flagfile as it stands, on small files of its layout.

Every one is parsed, checked and built. Two steps are trained for each layout of
data and each way to train that some row has; a row that differs from another in
sizes, rates or the share of the data takes no other steps.
"""

from __future__ import annotations

import pathlib
import re
from collections.abc import Callable, Iterator

import named_files
import numpy as np
import pytest
import tensorflow as tf
from _pytest.mark import ParameterSet
from documented import FLAGFILES, PARTS, ROOT, SWEEPS, TABLES, name

from tfxdr import options
from tfxdr.data.prepared import PreparedData
from tfxdr.experiments.base import BASELINES, Experiment
from tfxdr.experiments.start import is_joint, make_experiment
from tfxdr.experiments.sweeping import flagfiles
from tfxdr.options import flagfile
from tfxdr.registry import Spec
from tfxdr.training.parameters import ParameterGroups
from tfxdr.training.stage import Stage

pytestmark = pytest.mark.filterwarnings("ignore:Even though.*run_functions_eag")

_FLAGS = ROOT / "flags"
_PARTS = sorted((_FLAGS / PARTS).rglob("*.flags"))
_ROWS = [
    path
    for folder in TABLES
    for path in sorted((_FLAGS / folder).rglob("*.flags"))
]
_STEPS = 2
# Components, and what else decides how a step is taken.
_WAYS = (
    *("backbone", "policy", "policy_network", "policy_standardize", "tuner"),
    *("train_embeddings", "task", "meta"),
)
_DATA = ("dataset", "data_path", "split", "max_history")
_OPTIONS = re.compile(r"\([^)]*\)")  # of a component
_FIGURE = re.compile(r"\b0\.\d{4}\b(?! ±)")


def _given(path: pathlib.Path) -> dict[str, str]:
    """The options that a flagfile sets, by name."""
    words = flagfile.words([f"--flagfile={path}"])
    pairs = (word.text.removeprefix("--").partition("=") for word in words)
    return {option: value for option, _, value in pairs}


def _trained() -> Iterator[ParameterSet]:
    """The first row of each layout of data, and of each way to train.

    Where that is a new combination of known parts, it is a long test's.
    """
    known: set[object] = set()
    for path in _ROWS:
        given = {
            option: _OPTIONS.sub("", value)
            for option, value in _given(path).items()
        }
        ways = {(way, given.get(way)) for way in _WAYS}
        parts = {given["dataset"], *ways}
        kinds = {*parts, frozenset(ways)}
        trains = given.get("policy") not in BASELINES
        trains &= given.get("mode") != "prepare"
        if trains and not kinds <= known:
            long = [pytest.mark.large] if parts <= known else []
            yield pytest.param(path, marks=long, id=name(path))
            known |= kinds


@pytest.fixture(scope="module")
def experiment(
    tmp_path_factory,
) -> Iterator[Callable[[pathlib.Path], Experiment]]:
    """Makes that of a flagfile, where the files are that it names."""
    folder = tmp_path_factory.mktemp("tables")
    named_files.write(folder)
    prepared: dict[tuple, PreparedData] = {}

    def made(path: pathlib.Path) -> Experiment:
        given = _given(path)
        key = tuple(given.get(option) for option in _DATA)
        parsed = options.parse(["tfxdr", f"--flagfile={path}"])
        found = make_experiment(parsed, data=prepared.get(key))
        prepared[key] = found.data
        return found

    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        # To trace a few steps takes longer than to run them.
        tf.config.run_functions_eagerly(True)
        yield made
        tf.config.run_functions_eagerly(False)


@pytest.mark.parametrize("path", _ROWS, ids=name)
def test_row(path, experiment, registries):
    """Whatever would stop it is found before it trains."""
    row = experiment(path)
    if row.options.run.mode == "prepare":
        row.task.check()
        return
    row.check(row.specs)


@pytest.mark.parametrize("path", list(_trained()))
def test_two_steps(path, experiment, registries):
    row = experiment(path)
    for spec in row.specs:
        losses = _losses(_stage(row, spec), row)
        assert len(losses) == _STEPS and np.isfinite(losses).all()
        assert losses[0] != losses[1]


def _stage(row: Experiment, spec: Spec) -> Stage:
    if is_joint(row.options):
        return row.stage(row.meta(spec))
    return row.stage(row.component(spec), None)


def _losses(stage: Stage, row: Experiment) -> list[float]:
    """Of the first steps."""
    moved = stage.parameters
    parameters = ParameterGroups(
        row.optimizer_settings(),
        pretrained=moved.pretrained,
        policy=moved.policy,
        new=moved.new,
        total_steps=_STEPS,
    )
    losses: list[float] = []
    epoch = 0
    while len(losses) < _STEPS:
        for batch in stage.batches.epoch(epoch).take(_STEPS - len(losses)):
            loss, _, gradients = stage.gradients(
                batch, parameters.variables_to_train
            )
            parameters.apply(gradients)
            stage.after_step(batch)
            losses.append(float(loss))
        epoch += 1
    return losses


@pytest.mark.parametrize("path", SWEEPS, ids=name)
def test_sweep_of_rows(path, monkeypatch, registries):
    monkeypatch.chdir(ROOT)
    read = options.parse(["tfxdr", f"--flagfile={path}"])
    assert read.run.run == f"runs/results/{path.stem}"
    assert len(read.sweep.worlds or read.sweep.seeds) >= 5
    rows = flagfiles(read.sweep.sweep).values()
    assert len(rows) > 3 and {row.resolve() for row in rows} <= {
        row.resolve() for row in _ROWS
    }


class TestWhatTheySay:
    @pytest.mark.parametrize("path", _ROWS, ids=name)
    def test_figures_of_the_comment_are_the_published_ones(self, path):
        """Those of the paper; what was measured here has a deviation."""
        text = path.read_text(encoding="utf-8")
        comment = " ".join(re.findall("^# (.*)$", text, re.MULTILINE))
        published = _given(path).get("published", "")
        figures = re.findall(r"=(0\.\d{4})", published)
        if path.is_relative_to(_FLAGS / "uaf") and figures:
            assert _FIGURE.findall(comment) == figures
        assert comment and "two cores" in comment

    def test_every_part_is_of_some_row(self):
        used = {
            pathlib.Path(word.place.rpartition(", line")[0]).resolve()
            for path in _ROWS
            for word in flagfile.words([f"--flagfile={path}"])
        }
        assert not [name(p) for p in _PARTS if p.resolve() not in used]

    def test_every_flagfile_has_a_test(self):
        every = {*_FLAGS.rglob("*.flags")}
        assert every <= {*_ROWS, *_PARTS, *FLAGFILES, *SWEEPS}

    @pytest.mark.parametrize(
        ("table", "rows"),
        [
            *((2, 12 * 5), (3, 6 * 5), (4, 4 * 5), (5, 6 * 5)),
            *((6, 6 * 2), (7, 6 * 2), (8, 3), (9, 6 * 3)),
        ],
    )
    def test_tables_are_complete(self, table, rows):
        folder = _FLAGS / "uaf" / f"table{table}"
        assert len([*folder.rglob("*.flags")]) == rows
