"""Figures and texts of what was not learned; names that mean something."""

import io
import warnings

import numpy as np
import pytest

from tfxdr.evaluation import Actions, BehaviorWeights, equal_weights
from tfxdr.report import figures, run, tensorboard
from tfxdr.report.behaviors import Behavior, print_behaviors, weight_histogram
from tfxdr.report.figures import save_figure
from tfxdr.report.policies import user_choices

EQUAL = "equal to 0.1 %"


@pytest.mark.parametrize(
    ("relative", "equal"),
    [
        ([1.0, 1.0, 1.0], True),
        ([1.0004, 0.9996], True),
        ([1.001, 0.999], False),
        ([3.0, 0.0, 0.0], False),
        ([1.0], False),  # nobody to differ from
        ([], False),
    ],
)
def test_equal_weights(relative, equal):
    assert (EQUAL in equal_weights(np.array(relative))) == equal


@pytest.mark.parametrize("spread", [0.0, 0.5])
def test_weights_say_when_they_are_equal(tmp_path, spread):
    said = []
    logs = np.linspace(0, spread, 4, dtype=np.float32)
    rows = np.zeros(4, np.int32)
    run.show_behaviors(
        BehaviorWeights(rows, rows, rows, logs),
        np.array(["a", "a", "b", ""], object),
        tmp_path,
        said.append,
    )
    assert [EQUAL in text for text in said] == ([] if spread else [True])
    figure = weight_histogram(np.exp(logs) / np.exp(logs).mean(), rows)
    assert (EQUAL in figure.axes[-1].get_xlabel()) == (not spread)


@pytest.mark.parametrize("other", [1.0002, 1.5])
def test_explain_says_when_they_are_equal(other):
    file = io.StringIO()
    print_behaviors([Behavior("a", other)], [Behavior("b", 1.0)], file)
    assert (EQUAL in file.getvalue()) == (other < 1.1)


@pytest.mark.parametrize("collapsed", [False, True])
def test_figures_say_that_a_policy_has_collapsed(
    tmp_path, monkeypatch, collapsed
):
    titles = []
    monkeypatch.setattr(
        figures,
        "save_figure",
        lambda figure, path: titles.append(figure.get_suptitle()),
    )
    monkeypatch.setattr(tensorboard, "write_images", lambda *_: None)
    actions = Actions(
        users=np.arange(4, dtype=np.int32),
        actions=np.array(
            [[1, 0], [1, 0], [1, 0], [1, 0 if collapsed else 1]], np.float32
        ),
        history_length=np.arange(1, 5, dtype=np.int32),
    )
    run.show_actions(actions, list("abcd"), tmp_path, "x", print)
    assert len(titles) == 3
    assert all(("collapsed" in title) == collapsed for title in titles)


@pytest.mark.parametrize("name", ["$x_1$", "$\\bad$", "$", "東京", "\x1b[1m"])
def test_names_in_figures_mean_nothing_but_themselves(tmp_path, name):
    actions = Actions(
        users=np.arange(3, dtype=np.int32),
        actions=np.eye(3, dtype=np.float32),
        history_length=np.arange(1, 4, dtype=np.int32),
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        save_figure(user_choices(actions, [name] * 3), tmp_path / "a.png")
        figure = weight_histogram(np.ones(3), np.array([name] * 3, object))
        save_figure(figure, tmp_path / "b.png")
    assert (tmp_path / "a.png").stat().st_size
