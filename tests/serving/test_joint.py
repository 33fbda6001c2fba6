"""A joint model behind raw ids."""

import pathlib
import tempfile

import numpy as np
import pytest
import tensorflow as tf
from served import CORE_OPS, TARGET, USERS, joint, ops, strings

from tfxdr.errors import TrainingError
from tfxdr.serving.candidates import LOWEST
from tfxdr.serving.export import save

BACKBONES = [
    "conet(embedding_size=4,hidden=[8,4])",
    "conet(embedding_size=4,hidden=[8,4],only_target=true)",
    "ddtcdr",
    "mtl",
]


@pytest.fixture(scope="module", params=BACKBONES)
def loaded(request):
    servable = joint(request.param)
    with tempfile.TemporaryDirectory() as name:
        save(servable, pathlib.Path(name))
        assert ops(pathlib.Path(name)) <= set(CORE_OPS)
        return tf.saved_model.load(name).signatures


def logits(loaded, user):
    probability = loaded["serving_default"](
        user=strings([user] * len(TARGET)), item=strings(TARGET)
    )["probability"].numpy()
    return dict(
        zip(TARGET, np.log(probability / (1 - probability)), strict=True)
    )


def test_recommended_are_the_most_probable(loaded):
    answer = loaded["recommend"](user=strings(USERS))
    for number, user in enumerate(USERS):
        own = logits(loaded, user)
        items = [raw.decode() for raw in answer["items"].numpy()[number]]
        assert items == sorted(own, key=own.get, reverse=True)[:4]
        np.testing.assert_allclose(
            answer["scores"].numpy()[number],
            [own[raw] for raw in items],
            atol=1e-3,
        )


def test_a_stranger_gets_the_popular_ones(loaded):
    answer = loaded["recommend"](user=strings(["", "nobody", "ann"]))
    items = answer["items"].numpy().tolist()
    assert items[0] == items[1] == [b"c", b"f", b"e", b"h"]


def test_a_row_does_not_depend_on_the_others(loaded):
    together = loaded["recommend"](user=strings([*USERS, "nobody"]))["scores"]
    alone = loaded["recommend"](user=strings(["bob"]))["scores"]
    np.testing.assert_allclose(alone[0], together[1], atol=1e-5)


def test_a_small_catalogue_is_filled_up():
    servable = joint(candidates=["h", "d"])
    servable.check(servable.answers())
    answer = servable.answers()["recommend"](user=strings(["cem"]))
    items, scores = answer["items"].numpy()[0], answer["scores"].numpy()[0]
    assert set(items[:2]) == {b"h", b"d"} and items[2:].tolist() == [b"", b""]
    assert (scores[2:] == LOWEST).all()


@pytest.mark.parametrize("signature", ["serving_default", "recommend"])
def test_a_wrong_answer_is_noticed(signature):
    servable = joint()
    answers = servable.answers()

    def wrong(**inputs):
        return {
            name: tensor + 0.01 if tensor.dtype == tf.float32 else tensor
            for name, tensor in servable.answers()[signature](**inputs).items()
        }

    with pytest.raises(TrainingError, match="differ by 0.0"):
        servable.check(answers | {signature: wrong})


def test_a_ranking_has_scores_of_its_own():
    servable = joint(ranks=True)
    answers = servable.answers()
    servable.check(answers)
    answer = answers["recommend"](user=strings(["ann"]))
    item = answer["items"].numpy()[0, 0].decode()
    logit = logits(answers, "ann")[item]
    assert abs(answer["scores"].numpy()[0, 0] - logit) > 0.01
