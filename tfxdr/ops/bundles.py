"""What TensorFlow raises where files of variables are damaged."""

from __future__ import annotations

import tensorflow as tf
from google.protobuf.message import DecodeError

# By the kind of damage: a checksum, an end that comes early, names of other
# variables, shapes of others, and a description that is none.
DAMAGED = (
    tf.errors.OpError,
    IndexError,
    AssertionError,
    ValueError,
    DecodeError,
)
