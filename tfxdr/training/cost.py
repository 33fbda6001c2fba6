"""What training costs in time and memory, and when memory runs out."""

from __future__ import annotations

import contextlib
import re
import resource
import sys
import time
from collections.abc import Iterator

import tensorflow as tf

from tfxdr.errors import TrainingError

# What takes less memory, by stage.
_LOWERS = {
    "model": "the backbone's width or its number of blocks",
    "pretrain": "--pretrain_batch_size, --pretrain_length or the backbone's "
    "width",
    "finetune": "--batch_size, --targets_per_user or the backbone's width",
    "joint": "--batch_size or the backbone's width",
    "evaluate": "--eval_batch_size",
}


def peak_bytes() -> int:
    """Largest resident memory since the process started."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


@contextlib.contextmanager
def enough_memory(stage: str) -> Iterator[None]:
    """Says which stage ran out of memory, on what, and what lowers it.

    Raises:
      TrainingError: instead of what TensorFlow or Python raises then.
    """
    try:
        yield
    except (tf.errors.ResourceExhaustedError, MemoryError) as error:
        raise TrainingError(
            f"{stage}: out of memory{_asked(error)}; lower "
            f"{_LOWERS.get(stage, _LOWERS['finetune'])}, or map the data by "
            "--in_memory=false"
        ) from error


def _asked(error: Exception) -> str:
    """What there was no room for, as far as that is known."""
    text = getattr(error, "message", "") or str(error)
    found = re.search(r"(shape|allocate|of size)[^\n]*", text)
    if found is None:
        return ""
    # What follows is the device, by TensorFlow's name of it, and its allocator.
    return f" ({found[0].partition(' on /')[0]})"


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
