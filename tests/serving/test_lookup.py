"""Raw ids become rows, and rows become histories."""

import numpy as np
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from tfxdr.serving.lookup import RawIds, as_history


def test_ids_have_the_rows_of_their_places():
    ids = RawIds(["b", "ä", "a b"])
    raw = tf.constant([["ä", "", "b"], ["a b", "new", "B"]])
    np.testing.assert_array_equal(ids.rows(raw), [[3, 0, 2], [4, 1, 1]])
    assert ids.rows(raw).dtype == tf.int32


ROWS = st.lists(
    st.lists(st.integers(0, 9), min_size=7, max_size=7), min_size=1, max_size=4
)


@given(ROWS, st.integers(1, 9))
@settings(max_examples=60)
def test_histories_are_what_plain_python_makes_of_them(rows, longest):
    found = as_history(tf.constant(rows, tf.int32), longest).numpy()
    kept = [[row for row in one if row][-longest:] for one in rows]
    length = max(1, *map(len, kept))
    expected = [[0] * (length - len(one)) + one for one in kept]
    np.testing.assert_array_equal(found, expected)


def test_no_column_at_all_is_one_position_of_padding():
    found = as_history(tf.zeros([2, 0], tf.int32), 5)
    np.testing.assert_array_equal(found, [[0], [0]])
