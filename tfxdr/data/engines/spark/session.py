"""The session that does the work, and its failures in plain words."""

from __future__ import annotations

import contextlib
import errno
import os
import re
import signal
import sys
import threading
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from tfxdr.errors import InputError

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

_NO_SPACE = "No space left"
# What a traceback of a task ends with.
_RAISED = re.compile(
    r"^(?:Caused by: |: )?(?:\w+\.)*(\w*(?:Error|Exception)): (.*)$"
)


@contextlib.contextmanager
def spark_session() -> Iterator[SparkSession]:
    """The session that there is, or one by Spark's own settings.

    One that is started here is stopped when the block ends. If the block
    fails, its jobs are cancelled, and nobody else's.

    Raises:
      InputError: There is no PySpark, or Spark does not start.
    """
    session, started = _find()
    tag = f"tfxdr-{uuid.uuid4().hex}"
    session.addTag(tag)
    try:
        yield session
    except BaseException:
        session.interruptTag(tag)
        raise
    finally:
        session.removeTag(tag)
        if started:
            session.stop()


def _find() -> tuple[SparkSession, bool]:
    """A session, and whether it was started here."""
    try:
        from pyspark import SparkContext
        from pyspark.errors import PySparkException
        from pyspark.sql import SparkSession
    except ImportError as error:
        raise InputError(
            "--engine=spark: expected PySpark, found none; install it by "
            "pip install 'tfxdr[spark]', or choose --engine=duckdb"
        ) from error
    found = SparkSession.getActiveSession()
    if found is not None:
        return found, False
    there = SparkContext._active_spark_context is not None
    # Or workers start whatever is called python3.
    os.environ.setdefault("PYSPARK_PYTHON", sys.executable)
    builder = SparkSession.builder.appName("tfxdr")
    if os.environ.get("SPARK_MASTER"):
        builder = builder.master(os.environ["SPARK_MASTER"])
    try:
        with _own_interrupt():
            return builder.getOrCreate(), not there
    except (PySparkException, RuntimeError, FileNotFoundError) as error:
        raise InputError(
            f"--engine=spark: Spark does not start ({told(error)}); it needs "
            "Java 17 or 21, found by JAVA_HOME or on PATH, or choose "
            "--engine=duckdb"
        ) from error


@contextlib.contextmanager
def _own_interrupt() -> Iterator[None]:
    """Ctrl-C stays what it is: PySpark would put its own in its place."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.getsignal(signal.SIGINT)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


@contextlib.contextmanager
def spark_errors(place: Path | str) -> Iterator[None]:
    """Spark's failures, as the user should read them."""
    try:
        from py4j.protocol import Py4JError
        from pyspark.errors import PySparkException
    except ImportError:
        yield  # The session says so.
        return
    try:
        yield
    except (PySparkException, Py4JError) as error:
        if _NO_SPACE in str(error):
            raise OSError(errno.ENOSPC, _NO_SPACE) from error
        raise InputError(
            f"{place} cannot be prepared by Spark: {told(error)}"
        ) from error


def told(error: Exception) -> str:
    """What an error says, in one line; of a task, what was raised in it."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    raised = [match for line in lines if (match := _RAISED.match(line))]
    line = raised[-1][2] if raised else next(iter(lines), repr(error))
    return line.rstrip(".")
