"""Random bits that are the same on every machine and NumPy version.

SplitMix64 (Steele, Lea and Flood, 2014, "Fast splittable pseudorandom number
generators"), of which only the finalizer is kept: a hash of 64 bits.
"""

from __future__ import annotations

import numpy as np

GOLDEN = np.uint64(0x9E3779B97F4A7C15)  # the generator's step


def mix(bits: np.ndarray) -> np.ndarray:
    """The finalizer; maps uint64 arrays, which wrap around, to such ones."""
    bits = (bits ^ (bits >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    bits = (bits ^ (bits >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return bits ^ (bits >> np.uint64(31))


def unit_interval(bits: np.ndarray) -> np.ndarray:
    """The upper 53 of 64 random bits as float64 in [0, 1)."""
    return (bits >> np.uint64(11)) * 2.0**-53
