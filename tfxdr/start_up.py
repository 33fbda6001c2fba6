"""What a process needs before the work: its streams, and the libraries.

Nothing here depends on how the user's machine is set up for other programs:
on closed streams, on an encoding without letters, on `keras.json` or on
MPLBACKEND.
"""

from __future__ import annotations

import contextlib
import ctypes
import io
import os
import sys
import tempfile
import unicodedata
from collections.abc import Iterator

_STREAMS = {1: "stdout", 2: "stderr"}  # of Python, by the system's number
# Control characters, halves of surrogate pairs, breaks of lines.
_UNSEEN = ("Cc", "Cs", "Zl", "Zp")
# They turn the direction of what follows, also outside of their own text.
_TURNS = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")

# glibc's names for what `mallopt` sets (malloc.h).
_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
_LARGEST_THRESHOLD = 32 << 20  # of the second, on 64 bits; more is refused
_KEPT_BYTES = 1 << 30
KEEP_MEMORY = "TFXDR_KEEP_MEMORY"


def keep_freed_memory() -> bool:
    """Has glibc keep up to 1 GiB of freed memory for the next tensors.

    By itself it gives large blocks back to the system, and a training step
    takes them again, page by page. Blocks of 32 MiB and more it gives back in
    any case. Either setting alone would do harm: each stops glibc from
    adapting both.

    This concerns the whole process, so that only what starts the work calls
    it. The environment variable TFXDR_KEEP_MEMORY=0 leaves glibc alone, and so
    do its own, MALLOC_* and GLIBC_TUNABLES.

    Returns:
      Whether it was set.
    """
    theirs = "GLIBC_TUNABLES" in os.environ or any(
        name.startswith("MALLOC_") for name in os.environ
    )
    if theirs or os.environ.get(KEEP_MEMORY) == "0" or not _is_glibc():
        return False
    mallopt = ctypes.CDLL(None).mallopt
    return bool(
        mallopt(_MMAP_THRESHOLD, _LARGEST_THRESHOLD)
        and mallopt(_TRIM_THRESHOLD, _KEPT_BYTES)
    )


def _is_glibc() -> bool:
    try:
        return (os.confstr("CS_GNU_LIBC_VERSION") or "").startswith("glibc")
    except (AttributeError, OSError, ValueError):  # Windows, macOS, musl.
        return False


def start_tensorflow() -> None:
    """Imports it and looks for devices; says nothing unless that fails."""
    with captured_stderr():
        with _environment(KERAS_HOME=os.devnull):  # where no keras.json is
            import tensorflow as tf

            tf.keras.backend.floatx()  # reads it
        tf.config.list_physical_devices()


@contextlib.contextmanager
def usable_streams() -> Iterator[None]:
    """Standard streams that take any text, also where there are none.

    Letters that their encoding has not are escaped. Closed ones lead nowhere:
    otherwise the next file that is opened would be taken for them, by C++
    code that writes its messages.
    """
    _open_closed()
    streams = [
        stream
        for stream in (sys.stdout, sys.stderr)
        if isinstance(stream, io.TextIOWrapper)
    ]
    before = [stream.errors for stream in streams]
    for stream in streams:
        stream.reconfigure(errors="backslashreplace")
    try:
        yield
    finally:
        for stream, errors in zip(streams, before, strict=True):
            with contextlib.suppress(OSError, ValueError):
                stream.reconfigure(errors=errors)


def printable(text: str, keep: str = "") -> str:
    """A text whose control characters are escaped, as `\\x1b`.

    Ids and titles come from files: what a terminal would obey, it is shown.

    Args:
      text: any.
      keep: characters that stay, such as line breaks of a message.
    """
    return "".join(
        character
        if character in keep
        or not (
            unicodedata.category(character) in _UNSEEN or character in _TURNS
        )
        else character.encode("unicode_escape", "surrogatepass").decode()
        for character in text
    )


def _open_closed() -> None:
    for number in (0, 1, 2):
        try:
            os.fstat(number)
        except OSError:
            nowhere = os.open(os.devnull, os.O_RDWR)
            if nowhere != number:
                os.dup2(nowhere, number)
                os.close(nowhere)
            os.set_inheritable(number, True)
    for number, name in _STREAMS.items():
        if getattr(sys, name) is None:
            stream = open(number, "w", encoding="utf-8", closefd=False)
            setattr(sys, name, stream)


def import_matplotlib() -> None:
    """Imports it also where MPLBACKEND names a backend that is missing.

    Figures here are drawn without one. A notebook's shell commands inherit
    that of the notebook.
    """
    if "matplotlib" in sys.modules:
        return
    backend = os.environ.get("MPLBACKEND")
    with _environment(MPLBACKEND=None):
        import matplotlib
    if backend:
        with contextlib.suppress(ValueError):  # theirs to say who show it
            matplotlib.rcParams["backend"] = backend


@contextlib.contextmanager
def _environment(**variables: str | None) -> Iterator[None]:
    """Variables that are set, or not set, for a while."""
    before = {name: os.environ.get(name) for name in variables}
    _set_environment(variables)
    try:
        yield
    finally:
        _set_environment(before)


def _set_environment(variables: dict[str, str | None]) -> None:
    for name, value in variables.items():
        if value is None:
            os.environ.pop(name, None)
        else:
            os.environ[name] = value


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
def captured_stderr() -> Iterator[None]:
    """Holds back what C++ code writes, and shows it only after a failure.

    TensorFlow prints a page about the machine when it starts, whatever
    TF_CPP_MIN_LOG_LEVEL says (2.21).
    """
    try:
        kept = os.dup(2)
    except OSError:  # It is closed, and nothing is seen anyway.
        yield
        return
    if sys.stderr is not None:
        sys.stderr.flush()
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
