"""A model trained once more, by what a first training has found."""

from __future__ import annotations

import math
import shutil
from collections.abc import Mapping
from typing import TYPE_CHECKING

from tfxdr.registry.metric_names import rising
from tfxdr.training import distribution
from tfxdr.training.fit import checkpoints
from tfxdr.training.stage import Stage

if TYPE_CHECKING:
    from tfxdr.experiments.contender import TrainedContender


def once_more(
    contender: TrainedContender,
    again: Stage,
    searched: Mapping[str, float],
    *,
    validated: int,
    first: str,
) -> tuple[bool, Mapping[str, float]]:
    """Trains a second stage, unless the first one's model is clearly better.

    Args:
      contender: whose stages these are.
      again: the second one; its checkpoints have a name of the first one's
        epochs.
      searched: metrics of the first one.
      validated: instances of the validation split.
      first: how the first one's model was trained, for a message.

    Returns:
      Whether the second one stays, and the metrics of what does, with the
      seconds of both. It goes if by validation it is worse than the first by
      more than a standard error. A metric's values lie between 0 and 1, so
      that their variance is `m (1 - m)` at most, which it is for a hit ratio.
    """
    _drop_others_than(contender, again)
    retrained = contender.fit(again)
    monitor = contender.experiment.monitor

    def is_worse() -> bool:
        now, before = retrained[monitor], searched[monitor]
        error = math.sqrt(max(before * (1 - before), 0.0) / max(validated, 1))
        return rising(monitor, now) < rising(monitor, before) - error

    # Of several processes the first one alone has the history.
    devices = distribution.current()
    goes = devices.of_chief(is_worse)
    if goes and devices.is_chief:
        contender.experiment.progress.say(
            f"retrain: {monitor} was better before by more than a standard "
            f"error, {searched[monitor]:.4f}: what {first} stays"
        )
    seconds = searched["seconds"] + retrained["seconds"]
    kept = searched if goes else retrained
    return not goes, {**kept, "seconds": seconds}


def _drop_others_than(contender: TrainedContender, stage: Stage) -> None:
    """Checkpoints of what was found before the first training went on."""
    if not distribution.current().is_chief:
        return
    mine = checkpoints(contender.folder.path, stage.checkpoints)
    for folder in mine.parent.glob(f"{stage.name}-*"):
        if folder != mine:
            shutil.rmtree(folder)
