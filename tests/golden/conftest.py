"""The arrays of BIP's authors, who computed in double precision."""

import numpy as np
import pytest
from tensorflow import keras


@pytest.fixture(scope="session")
def golden(golden_root):
    with np.load(golden_root / "bip_official.npz") as file:
        return dict(file)


@pytest.fixture(autouse=True)
def double_precision():
    before = keras.backend.floatx()
    keras.backend.set_floatx("float64")
    yield
    keras.backend.set_floatx(before)
