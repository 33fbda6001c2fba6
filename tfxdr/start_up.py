"""TensorFlow's start, without what it says of the machine."""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
from collections.abc import Iterator


def start_tensorflow() -> None:
    """Imports it and looks for devices; says nothing unless that fails."""
    with _captured_stderr():
        import tensorflow as tf

        tf.config.list_physical_devices()


@contextlib.contextmanager
def keras_as_it_comes() -> Iterator[None]:
    """Keras's own settings, whatever else this process or keras.json says.

    A model's numbers are to depend on its options alone. What was set before
    is set again afterwards.
    """
    from tensorflow import keras

    backend, precision = keras.backend, keras.mixed_precision
    floats, epsilon = backend.floatx(), backend.epsilon()
    images, policy = backend.image_data_format(), precision.global_policy()
    precision.set_global_policy(None)
    backend.set_floatx("float32")
    backend.set_epsilon(1e-7)
    backend.set_image_data_format("channels_last")
    try:
        yield
    finally:
        backend.set_floatx(floats)
        backend.set_epsilon(epsilon)
        backend.set_image_data_format(images)
        chosen = policy.name != floats  # by default it follows the floats
        precision.set_global_policy(policy if chosen else None)


@contextlib.contextmanager
def _captured_stderr() -> Iterator[None]:
    """Holds back what C++ code writes, and shows it only after a failure.

    TensorFlow prints a page about the machine when it starts, whatever
    TF_CPP_MIN_LOG_LEVEL says (2.21).
    """
    sys.stderr.flush()
    kept = os.dup(2)
    with tempfile.TemporaryFile() as captured:
        os.dup2(captured.fileno(), 2)
        try:
            yield
        except BaseException:
            captured.seek(0)
            os.write(kept, captured.read())
            raise
        finally:
            os.dup2(kept, 2)
            os.close(kept)
