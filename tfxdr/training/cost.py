"""What training costs in time and memory, and when memory runs out."""

from __future__ import annotations

import contextlib
import resource
import sys
import time
from collections.abc import Iterator

import tensorflow as tf

from tfxdr.errors import TrainingError


def peak_bytes() -> int:
    """Largest resident memory since the process started."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


@contextlib.contextmanager
def enough_memory(stage: str) -> Iterator[None]:
    """Says which stage ran out of memory.

    Raises:
      TrainingError: instead of what TensorFlow or Python raises then.
    """
    try:
        yield
    except (tf.errors.ResourceExhaustedError, MemoryError) as error:
        raise TrainingError(
            f"{stage}: out of memory; lower the batch size, "
            "--targets_per_user or the backbone's width"
        ) from error


class Costs:
    """Wall time of each stage, and the process's peak memory at its end.

    Attributes:
      stages: `seconds` and `peak_bytes_so_far` by the name of the stage.
    """

    def __init__(self) -> None:
        self.stages: dict[str, dict[str, float]] = {}

    @contextlib.contextmanager
    def of(self, stage: str) -> Iterator[None]:
        """Measures a block; one that fails costs nothing worth telling."""
        start = time.monotonic()
        yield
        self.stages[stage] = {
            "seconds": round(time.monotonic() - start, 3),
            "peak_bytes_so_far": peak_bytes(),
        }
