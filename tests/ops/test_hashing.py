"""Bits that depend on a history and a seed alone."""

import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf
from scipy import stats

from tfxdr.ops.hashing import hash_history, random_bits, random_uniforms

HISTORIES = np.random.default_rng(0).integers(2, 5000, (4000, 6)).astype("i4")


def bits(history, seed=0, num_bits=8):
    return random_bits(
        hash_history(tf.convert_to_tensor(history), seed), num_bits
    )


@pytest.mark.parametrize("padding", [1, 3, 40])
def test_padding_changes_nothing(padding):
    padded = np.pad(HISTORIES, [[0, 0], [padding, 0]])
    np.testing.assert_array_equal(bits(HISTORIES), bits(padded))


def test_bits_are_fair_and_independent():
    drawn = bits(HISTORIES, num_bits=3).numpy()
    count = np.bincount((drawn @ [4, 2, 1]).astype(int), minlength=8)
    assert stats.chisquare(count).pvalue > 0.01


def test_uniforms_are_even_and_independent():
    hashes = hash_history(tf.constant(HISTORIES), 0)
    drawn = random_uniforms(hashes, 2).numpy()
    assert drawn.min() > 0 and drawn.max() < 1
    assert stats.kstest(drawn[:, 0], "uniform").pvalue > 0.01
    assert abs(np.corrcoef(drawn.T)[0, 1]) < 0.05


@pytest.mark.parametrize("position", [0, 5])
def test_every_item_counts(position):
    other = HISTORIES.copy()
    other[:, position] += 1
    agree = np.mean(bits(HISTORIES).numpy() == bits(other).numpy())
    assert abs(agree - 0.5) < 0.02


def test_the_order_counts():
    agree = np.mean(bits(HISTORIES).numpy() == bits(HISTORIES[:, ::-1]).numpy())
    assert abs(agree - 0.5) < 0.02


def test_another_seed_gives_other_bits():
    agree = np.mean(bits(HISTORIES, 1).numpy() == bits(HISTORIES, 2).numpy())
    assert abs(agree - 0.5) < 0.02
    assert np.isin(bits(HISTORIES, 2**31 - 1), [0.0, 1.0]).all()


def test_an_empty_history_has_bits():
    one, many = bits(np.zeros([1, 1], "i4")), bits(np.zeros([1, 9], "i4"))
    np.testing.assert_array_equal(one, many)


def test_graph_and_xla_agree():
    history = tf.constant(HISTORIES[:50])
    for jit in (False, True):
        compiled = tf.function(lambda h: bits(h), jit_compile=jit)
        np.testing.assert_array_equal(compiled(history), bits(history))


def test_a_fresh_process_gives_the_same():
    code = (
        "import tfxdr, tensorflow as tf\n"
        "from tfxdr.ops.hashing import hash_history\n"
        "print(hash_history(tf.constant([[0, 7, 9], [3, 4, 5]]), 6).numpy())"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=60
    )
    here = hash_history(tf.constant([[0, 7, 9], [3, 4, 5]]), 6).numpy()
    assert done.stdout.strip() == str(here), done.stderr
