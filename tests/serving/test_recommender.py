"""Raw ids in, raw ids out."""

import types

import numpy as np
import pytest

from tfxdr.data.ragged import Ragged
from tfxdr.errors import InputError
from tfxdr.serving.recommender import Recommender


@pytest.fixture
def data():
    users = types.SimpleNamespace(
        ids=np.array([b"ann", b"bob"], object),
        history=Ragged.from_rows([[2, 3], []]),
        target=Ragged.from_rows([[3], []]),
    )
    return types.SimpleNamespace(
        folder="prepared",
        manifest={"options": {"max_history": 3}},
        source_ids=np.array(["s1", "s2", "s3"], object),
        target_ids=np.array(["t1", "t2", "t3"], object),
        target_titles=np.array(["One", "", "Three"], object),
        users=lambda: users,
    )


class Scores:
    """Remembers what it was asked; padding and unknown score best."""

    def __call__(self, history):
        self.history = history.tolist()
        return np.array([[9.0, 9.0, 1.0, 3.0, 2.0]], np.float32)


def test_a_history_is_answered_best_first(data):
    scores = Scores()
    best = Recommender(data, scores).for_history(["s2", "new"], k=2)
    assert scores.history == [[3, 1]]
    assert [(r.item, r.title, r.score) for r in best] == [
        ("t2", "", 3.0),
        ("t3", "Three", 2.0),
    ]


def test_more_items_than_there_are(data):
    assert len(Recommender(data, Scores()).for_history(["s1"], k=99)) == 3


def test_a_long_history_is_cut_as_in_training(data):
    scores = Scores()
    recommender = Recommender(data, scores)
    recommender.for_history(["s1", "s2", "s3", "s1", "s2"], k=1)
    assert scores.history == [[4, 2, 3]]


def test_a_user_does_not_get_what_he_has(data):
    scores = Scores()
    best = Recommender(data, scores).for_user("ann", k=5)
    assert scores.history == [[2, 3]]
    assert [r.item for r in best] == ["t3", "t1"]


def test_a_user_without_history_is_answered(data):
    scores = Scores()
    assert len(Recommender(data, scores).for_user("bob", k=5)) == 3
    assert scores.history == [[0]]


def test_an_unknown_user_is_an_error(data):
    with pytest.raises(InputError, match=r"--user=eve.*look like ann"):
        Recommender(data, Scores()).for_user("eve", k=1)


def test_unknown_items_are_told(data):
    unknown = Recommender(data, Scores()).unknown(["s1", "x", "y"])
    assert unknown == ["x", "y"]
