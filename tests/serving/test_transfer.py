"""A transfer model behind raw ids: what it answers, saved and loaded."""

import pathlib
import tempfile

import numpy as np
import pytest
import tensorflow as tf
from served import (
    CORE_OPS,
    COUNTS,
    HISTORIES,
    MAX_HISTORY,
    TARGET,
    ops,
    strings,
    transfer,
)

from tfxdr.errors import InputError, TrainingError
from tfxdr.serving.candidates import LOWEST
from tfxdr.serving.export import save

KINDS = {
    "gumbel": {},
    "soft": {"policy": "soft", "pooling": "mean"},
    "last-1": {"policy": "last-1"},
    "sasrec": {"backbone": "sasrec(channels=8)"},
    "gru4rec": {"backbone": "gru4rec(channels=8,num_blocks=2)"},
    "hstu": {"backbone": "hstu(channels=8)"},
    "bert4rec": {"backbone": "bert4rec(channels=8)"},
}
LONG = ["a", "b", "f", "c", "d", "e", "a"]
ROWS = [["a", "c", "e"], ["b"], LONG, [], ["new"], ["f", "new", "d"]]


@pytest.fixture(scope="module")
def gumbel():
    return transfer()


def padded(rows, left=0, right=0, length=None):
    length = length or max(map(len, rows))
    return strings(
        [[""] * (left + length - len(r)) + r + [""] * right for r in rows]
    )


@pytest.fixture(scope="module", params=KINDS)
def loaded(request):
    """A small model, and what was loaded from its export."""
    made = transfer(**KINDS[request.param])
    with tempfile.TemporaryDirectory() as name:
        save(made.servable, pathlib.Path(name))
        made.ops = ops(pathlib.Path(name))
        made.loaded = tf.saved_model.load(name).signatures
    return made


def ask(loaded, signature, history, **inputs):
    answer = loaded.loaded[signature](history=history, **inputs)
    return {name: tensor.numpy() for name, tensor in answer.items()}


def everything(loaded, history):
    """All answers to a history, side by side: `[rows, numbers]`."""
    names = strings([TARGET] * history.shape[0])
    parts = [
        ask(loaded, "score", history, candidates=names)["scores"],
        ask(loaded, "serving_default", history)["scores"],
        ask(loaded, "embed", history)["user_vector"],
        ask(loaded, "explain", history)["actions"],
    ]
    return np.concatenate(parts, axis=1)


class TestEveryModel:
    def test_only_ops_of_the_stock_server_are_used(self, loaded):
        assert loaded.ops <= set(CORE_OPS)

    def test_a_row_does_not_depend_on_the_others(self, loaded):
        together = everything(loaded, padded(ROWS))
        for number, row in enumerate(ROWS):
            alone = everything(loaded, padded([row], length=len(row) or 1))
            np.testing.assert_allclose(
                alone[0], together[number], rtol=1e-5, atol=1e-5
            )

    def test_padding_at_either_end_changes_nothing(self, loaded):
        plain = everything(loaded, padded(ROWS))
        for left, right in ((3, 0), (0, 4), (30, 30)):
            more = everything(loaded, padded(ROWS, left, right))
            np.testing.assert_allclose(more, plain, rtol=1e-5, atol=1e-5)

    def test_a_larger_batch_changes_nothing(self, loaded):
        plain = everything(loaded, padded(ROWS))
        more = everything(loaded, padded([*ROWS, *[[]] * 5]))
        np.testing.assert_allclose(
            more[: len(ROWS)], plain, rtol=1e-5, atol=1e-5
        )

    def test_only_the_latest_items_of_a_long_history_count(self, loaded):
        both = everything(loaded, padded([LONG, LONG[-MAX_HISTORY:]]))
        np.testing.assert_allclose(both[0], both[1], atol=1e-5)

    def test_a_history_without_a_known_item_gets_the_popular_ones(self, loaded):
        popular = sorted(TARGET, key=lambda raw: -COUNTS[TARGET.index(raw) + 2])
        answer = ask(loaded, "serving_default", padded([[], ["new"], ["b"]]))
        first, second, third = (
            [raw.decode() for raw in row] for row in answer["items"]
        )
        assert first == second == popular[:4] != third
        total = COUNTS[2:].sum() + len(COUNTS)
        share = (COUNTS[2 + TARGET.index(first[0])] + 1) / total
        np.testing.assert_allclose(answer["scores"][0, 0], np.log(share))

    def test_answers_are_the_models(self, loaded):
        for history in HISTORIES[:2]:
            own = loaded.scores(history)
            answer = ask(loaded, "serving_default", strings([history]))
            items = [raw.decode() for raw in answer["items"][0]]
            assert items == sorted(own, key=own.get, reverse=True)[:4]
            np.testing.assert_allclose(
                answer["scores"][0], [own[raw] for raw in items], atol=1e-5
            )
            scored = ask(
                loaded,
                "score",
                strings([history]),
                candidates=strings([["h", "nothing", "", "c"]]),
            )["scores"][0]
            np.testing.assert_allclose(
                scored, [own["h"], LOWEST, LOWEST, own["c"]], atol=1e-5
            )

    def test_actions_are_the_policys(self, loaded):
        rows = np.array([[2, 4, 6]], np.int32)
        actions = ask(loaded, "explain", strings([HISTORIES[0]]))["actions"]
        np.testing.assert_allclose(actions, loaded.model.actions(rows))
        assert actions.shape == (1, len(loaded.model.block_names))

    def test_every_tensor_has_the_batch_first(self, loaded):
        for function in loaded.loaded.values():
            for tensor in (
                *function.structured_input_signature[1].values(),
                *function.structured_outputs.values(),
            ):
                assert tensor.shape[0] is None


def test_gumbel_sends_users_different_ways(gumbel):
    histories = padded([["a", "b"], ["c"], ["f", "e"], ["d", "a", "d"]])
    actions = gumbel.servable.answers()["explain"](history=histories)["actions"]
    assert len(np.unique(actions, axis=0)) > 1


def test_a_model_that_moved_after_saving_is_noticed():
    made = transfer("last-1")
    answers = made.servable.answers()
    made.servable.check(answers)
    made.model.head.kernel.assign_add(tf.ones_like(made.model.head.kernel))
    with pytest.raises(TrainingError, match="scores of single items .* differ"):
        made.servable.check(answers)


@pytest.mark.parametrize("signature", ["serving_default", "embed", "explain"])
def test_any_wrong_answer_is_noticed(gumbel, signature):
    answers = gumbel.servable.answers()

    def wrong(**inputs):
        return {
            name: tensor + 0.01 if tensor.dtype == tf.float32 else tensor
            for name, tensor in gumbel.servable.answers()[signature](
                **inputs
            ).items()
        }

    with pytest.raises(TrainingError, match="differ by 0.0"):
        gumbel.servable.check(answers | {signature: wrong})


def test_other_items_are_noticed(gumbel):
    answers = gumbel.servable.answers()

    def swapped(history):
        found = answers["serving_default"](history=history)
        return found | {"items": tf.reverse(found["items"], [1])}

    with pytest.raises(TrainingError, match="scores for history 0 differ"):
        gumbel.servable.check(answers | {"serving_default": swapped})


class TestRetrieval:
    def test_items_of_the_history_can_be_left_out(self):
        made = transfer(exclude_history=True, k_max=7)
        made.servable.check(made.servable.answers())
        answer = made.servable.answers()["serving_default"]
        found = answer(history=padded([["c", "a", "e"], ["b"]]))
        first, second = found["items"].numpy().tolist()
        assert set(first) == {b"d", b"f", "gü".encode(), b"h", b"i", b""}
        assert first[5:] == [b"", b""] and b"" not in second

    def test_domains_that_share_nothing_have_nothing_to_leave_out(self):
        made = transfer("last-1")
        from tfxdr.serving import Retrieval, TransferServable

        with pytest.raises(InputError, match="--exclude_history .* share none"):
            TransferServable(
                made.model,
                source_ids=["s"],
                target_ids=TARGET,
                counts=COUNTS,
                max_history=3,
                examples=[],
                retrieval=Retrieval(exclude_history=True),
            )

    def test_a_smaller_catalogue(self):
        made = transfer(candidates=["i", "c", "gü"])
        assert made.servable.check(made.servable.answers()) == 4
        answers = made.servable.answers()
        history = strings([["a"]])
        items = answers["serving_default"](history=history)["items"]
        assert set(items.numpy()[0]) == {b"i", b"c", "gü".encode(), b""}
        scores = answers["score"](
            history=history, candidates=strings([["h", "i"]])
        )["scores"].numpy()[0]
        assert scores[0] == LOWEST and scores[1] > LOWEST

    @pytest.mark.parametrize(
        ("candidates", "words"),
        [
            (["c", "z", "y"], "2 ids .* such as 'z'"),
            (["c", "c"], "'c' .* twice"),
        ],
    )
    def test_candidates_that_cannot_be(self, candidates, words):
        with pytest.raises(InputError, match=words):
            transfer("last-1", candidates=candidates)
