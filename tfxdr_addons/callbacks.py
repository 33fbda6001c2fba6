"""Callbacks of tensorflow-addons: `--callbacks=time-stopping(seconds=3600)`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tfxdr.registry import callbacks
from tfxdr_addons.needed import addons

if TYPE_CHECKING:
    from tensorflow import keras


@callbacks.register("time-stopping")
def time_stopping(seconds: int) -> keras.callbacks.Callback:
    """Stops at the end of the epoch in which the time is up.

    Args:
      seconds: of fine-tuning, from its start or from that of a resumed run.

    Raises:
      InputError: if tensorflow-addons is not installed.
      ValueError: if `seconds` is below 1.
    """
    if seconds < 1:
        raise ValueError(f"seconds should be >= 1, received {seconds}")
    found = addons("--callbacks=time-stopping").callbacks
    return found.TimeStopping(seconds)


@callbacks.register("progress-bar")
def progress_bar(per_second: int = 10) -> keras.callbacks.Callback:
    """Bars by tqdm instead of tfxdr's own, in notebooks too.

    Args:
      per_second: how often they are drawn, at most.

    Raises:
      InputError: if tensorflow-addons is not installed.
      ValueError: if `per_second` is below 1.
    """
    if per_second < 1:
        raise ValueError(f"per_second should be >= 1, received {per_second}")
    found = addons("--callbacks=progress-bar").callbacks
    bar = found.TQDMProgressBar(update_per_second=per_second)
    bar.draws_progress = True  # tfxdr then draws no bar of its own
    return bar
