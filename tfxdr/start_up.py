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
