import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tfxdr.data import splits
from tfxdr.ops.ragged import offsets_of

FRACTIONS = (0.8, 0.05, 0.15)
HASHES = [3405396810240292928, 13020603013274838756]


def hashes(count, prefix="u"):
    return splits.hash_ids(f"{prefix}{i}".encode() for i in range(count))


def mix(word):
    """SplitMix64 in Python's integers."""
    word = (word + 0x9E3779B97F4A7C15) % 2**64
    word = (word ^ (word >> 30)) * 0xBF58476D1CE4E5B9 % 2**64
    word = (word ^ (word >> 27)) * 0x94D049BB133111EB % 2**64
    return word ^ (word >> 31)


def test_hash_against_integers():
    user, item = 2**64 - 5, 77
    first, second = mix(9), mix(1)
    word = mix((mix(user ^ first) + item) % 2**64)
    expected = (mix(word ^ second) >> 11) / 2**53
    users, items = np.array([user], np.uint64), np.array([item], np.uint64)
    assert splits.uniform(users, items, 9, 1).tolist() == [expected]


def test_hashes_are_the_same_everywhere():
    # Written down once: another platform or version must agree.
    assert splits.hash_ids([b"a", b""]).tolist() == HASHES


def test_hashes_do_not_depend_on_the_process():
    code = (
        "from tfxdr.data import splits\n"
        "h = splits.hash_ids([b'a', b'b'])\n"
        "print(splits.uniform(h, h[::-1], 7, 1).tolist())"
    )
    seen = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": ":".join(sys.path)},
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(seen) == 1


def test_uniform_is_uniform_and_seeded():
    users, items = hashes(20_000), hashes(20_000, "i")
    drawn = splits.uniform(users, items, 0, 1)
    assert drawn.min() >= 0 and drawn.max() < 1
    counts = np.histogram(drawn, bins=20, range=(0, 1))[0]
    assert abs(counts - 1000).max() < 150
    for other in (
        splits.uniform(users, items, 1, 1),
        splits.uniform(users, items, 0, 2),
        splits.uniform(items, users, 0, 1),
    ):
        assert abs(np.corrcoef(drawn, other)[0, 1]) < 0.03


def test_random_split_has_the_fractions():
    split = splits.split_random(hashes(50_000), hashes(50_000), 3, FRACTIONS)
    assert split.dtype == np.int8
    shares = np.bincount(split) / len(split)
    np.testing.assert_allclose(shares, FRACTIONS, atol=0.01)


def test_random_split_without_validation():
    split = splits.split_random(hashes(999), hashes(999), 0, (0.5, 0, 0.5))
    assert set(split.tolist()) == {splits.TRAIN, splits.TEST}


def test_an_instance_keeps_its_split_when_others_come():
    users, items = hashes(100), hashes(100, "i")
    some = splits.split_random(users[:10], items[:10], 0, FRACTIONS)
    everything = splits.split_random(users, items, 0, FRACTIONS)
    assert everything[:10].tolist() == some.tolist()


def test_leave_one_out_by_hand():
    split = splits.split_leave_one_out(np.array([0, 0, 1, 3, 6, 10]))
    assert split.tolist() == [0, 0, 2, 0, 1, 2, 0, 0, 1, 2]


@given(st.lists(st.integers(0, 9), max_size=12))
def test_leave_one_out_counts(lengths):
    split = splits.split_leave_one_out(offsets_of(np.array(lengths, int)))
    assert (split == splits.TEST).sum() == sum(n >= 2 for n in lengths)
    assert (split == splits.VALIDATION).sum() == sum(n >= 3 for n in lengths)


def test_time_split_puts_ties_later():
    times = np.array([5, 10, 11, 20, 21, 9])
    assert splits.split_time(times, 10, 20).tolist() == [0, 1, 1, 2, 2, 0]


@given(
    st.lists(st.floats(0, 1), min_size=1, max_size=40),
    st.floats(0.01, 1),
    st.floats(0.01, 1),
)
def test_fractions_nest(drawn, first, second):
    small, large = sorted((first, second))
    kept_small = splits.lowest_fraction(np.array(drawn), small)
    kept_large = splits.lowest_fraction(np.array(drawn), large)
    assert not (kept_small & ~kept_large).any()
    assert kept_small.sum() == max(1, round(small * len(drawn)))


@pytest.mark.parametrize("count", [3_000_000])
def test_millions_are_quick(count, benchmark_seconds=5):
    import time

    words = np.arange(count, dtype=np.uint64)
    began = time.perf_counter()
    splits.split_random(words, words, 0, FRACTIONS)
    assert time.perf_counter() - began < benchmark_seconds
