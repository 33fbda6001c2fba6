"""SplitMix64 against the numbers of its authors."""

from __future__ import annotations

import numpy as np

from tfxdr.ops.splitmix import GOLDEN, mix, unit_interval

# The first outputs of the reference generator, seeded with 1234567.
_REFERENCE = [
    6457827717110365317,
    3203168211198807973,
    9817491932198370423,
    4593380528125082431,
    16408922859458223821,
]


def test_is_the_reference_generator():
    steps = np.arange(1, 6, dtype=np.uint64)
    drawn = mix(np.uint64(1234567) + steps * GOLDEN)
    assert drawn.tolist() == _REFERENCE


def test_the_unit_interval_is_half_open():
    ends = unit_interval(np.array([0, 2**64 - 1], np.uint64))
    assert ends.tolist() == [0.0, 1.0 - 2.0**-53]
