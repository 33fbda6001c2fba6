"""The best of a catalogue that may change."""

import numpy as np
import pytest
import tensorflow as tf

from tfxdr.serving.candidates import LOWEST, Candidates

VECTORS = np.array([[1.0], [4.0], [3.0], [4.0]], np.float32)


def ask(candidates, *excluded):
    rows = [list(one) for one in excluded] or None
    queries = tf.ones([max(len(excluded), 1), 1])
    excluded = None if rows is None else tf.constant(rows)
    scores, names = candidates(queries, excluded)
    return scores.numpy().tolist(), names.numpy().tolist()


@pytest.fixture
def four():
    return Candidates(VECTORS, ["a", "b", "c", "d"], k=3)


def test_the_best_come_first_and_a_tie_keeps_its_order(four):
    assert ask(four) == ([[4.0, 4.0, 3.0]], [[b"b", b"d", b"c"]])


def test_there_are_always_k_answers():
    few = Candidates(VECTORS[:2], ["a", "b"], k=4)
    scores, names = ask(few)
    assert names == [[b"b", b"a", b"", b""]]
    assert scores == [[4.0, 1.0, LOWEST, LOWEST]]
    assert np.isfinite(scores).all()


def test_what_is_excluded_is_no_answer(four):
    _, names = ask(four, [1, -1, 2], [0, 0, 3])
    assert names == [[b"d", b"a", b""], [b"b", b"c", b""]]
    scores, names = ask(four, [0, 1, 2, 3])
    assert names == [[b"", b"", b""]]
    assert scores == [[LOWEST] * 3]


@pytest.mark.parametrize("size", [1, 9])
def test_a_catalogue_of_another_size_takes_its_place(four, size):
    ask_graph = tf.function(four)
    ask_graph(tf.ones([1, 1]))
    four.vectors.assign(np.arange(size, dtype=np.float32)[:, None])
    four.identifiers.assign([f"n{number}" for number in range(size)])
    _, names = ask_graph(tf.ones([1, 1]))
    expected = [b"n8", b"n7", b"n6"] if size == 9 else [b"n0", b"", b""]
    assert names.numpy().tolist() == [expected]
