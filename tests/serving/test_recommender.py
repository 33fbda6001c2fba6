"""Raw ids in, raw ids out."""

import numpy as np
import pytest
import tensorflow as tf
from served import joint, transfer

from tfxdr.errors import InputError
from tfxdr.serving import Recommender
from tfxdr.serving.recommender import counted


def over(servable, titles=()):
    return Recommender(
        servable.answers(), servable.known_rows, servable.facts, dict(titles)
    )


@pytest.fixture(scope="module")
def shop():
    return transfer(k_max=7)


def test_a_history_is_answered_best_first(shop):
    own = shop.scores(["b", "a"])
    best = sorted(own, key=own.get, reverse=True)
    recommender = over(shop.servable, {best[1]: "Second"})
    found = recommender.for_history(["b", "a"], k=3)
    assert [one.item for one in found] == best[:3]
    assert [one.title for one in found] == ["", "Second", ""]
    np.testing.assert_allclose(
        [one.score for one in found], [own[raw] for raw in best[:3]], atol=1e-5
    )


def test_what_a_user_has_is_left_out(shop):
    recommender = over(shop.servable)
    everything = [r.item for r in recommender.for_history(["a"], k=7)]
    known = everything[:2]
    found = [r.item for r in recommender.for_history(["a"], 3, known)]
    assert found == everything[2:5]


def test_a_joint_model_is_asked_for_users():
    recommender = over(joint())
    assert not recommender.reads_histories
    assert len(recommender.for_user("ann", k=2)) == 2
    assert recommender.for_user("ann", 2) != recommender.for_user("cem", 2)
    with pytest.raises(InputError, match="--user=eve: the model knows no such"):
        recommender.for_user("eve", k=2)


class Scores:
    """Remembers what it was asked; padding and unknown score best."""

    def __call__(self, history):
        self.history = history.tolist()
        return np.array([[9.0, 9.0, 1.0, 3.0, 2.0]], np.float32)


class TestBaselines:
    def ask(self, scores, history, k=9, leave_out=()):
        recommender = counted(
            scores,
            source_ids=["s1", "s2", "s3"],
            target_ids=["t1", "t2", "t3"],
            max_history=3,
            k_max=9,
            titles={},
        )
        assert recommender.actions(history) == {}
        assert recommender.reads_histories
        found = recommender.for_history(history, k, leave_out)
        return [(one.item, one.score) for one in found]

    def test_all_items_best_first(self):
        scores = Scores()
        found = self.ask(scores, ["s2", "new"])
        assert scores.history == [[3, 1]]
        assert found == [("t2", 3.0), ("t3", 2.0), ("t1", 1.0)]
        assert self.ask(scores, ["s1"], 1, {"t2"}) == [("t3", 2.0)]

    def test_a_long_history_is_cut_as_in_training(self):
        scores = Scores()
        self.ask(scores, ["s1", "s2", "s3", "s1", "s2"])
        assert scores.history == [[4, 2, 3]]

    def test_an_empty_history_is_one_of_padding(self):
        scores = Scores()
        self.ask(scores, [])
        assert scores.history == [[0]]


def test_rows_are_table_rows(shop):
    found = shop.servable.known_rows(tf.constant(["a", "zz", "f"]))
    assert found.numpy().tolist() == [2, 1, 7]


class TestNotes:
    def test_unknown_ids_are_named(self, shop):
        answer = over(shop.servable).answer(["x", "a", "y"], k=2)
        assert answer.unknown == ["x", "y"] and not answer.substituted
        assert answer.notes() == [
            "note: x is not in the source vocabulary",
            "note: y is not in the source vocabulary",
        ]
        assert answer.actions

    def test_many_are_counted(self, shop):
        strange = [f"x{number}" for number in range(8)]
        notes = over(shop.servable).answer([*strange, "a"], k=2).notes()
        assert notes[-1] == "note: 3 more are not in the source vocabulary"
        assert len(notes) == 6

    @pytest.mark.parametrize("history", [[], ["x"], ["a", *"vwxyz"]])
    def test_popular_items_are_not_passed_off_as_the_models(
        self, shop, history
    ):
        # The model reads five items; an older one that it knows is no help.
        answer = over(shop.servable).answer(history, k=2)
        assert answer.substituted and not answer.actions
        assert "popular items were substituted" in answer.notes()[-1]
        assert answer.as_dict()["substituted"] is True

    def test_without_graphs_answers_are_the_same(self, shop):
        plain = Recommender.of(shop.servable, {})
        for history in (["a", "c"], ["b"], ["zz"]):
            one, other = (
                r.answer(history, 4) for r in (plain, over(shop.servable))
            )
            assert [x.item for x in one] == [x.item for x in other]
            np.testing.assert_allclose(
                [x.score for x in one], [x.score for x in other], atol=1e-5
            )
