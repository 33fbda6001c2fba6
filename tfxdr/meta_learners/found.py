"""Weights of source behaviors that an earlier run has found."""

from __future__ import annotations

from pathlib import Path

from tfxdr.errors import InputError
from tfxdr.evaluation.behaviors import BehaviorWeights
from tfxdr.meta_learners.base import HeldWeights
from tfxdr.registry import meta_learners

_FILE = "behavior_weights.npz"


@meta_learners.register("found")
class Found(HeldWeights):
    """Behaviors count as much as an earlier run has found.

    By `--meta_retrain` a run does so with what it has found itself; this is
    for another model, or another option, by the weights of one run. A
    behavior that the run did not weigh is one of a user without test events.
    """

    def __init__(self, run: str, weight: float = 1.0) -> None:
        """Reads what the run has found.

        Args:
          run: its folder, of the same data.
          weight: of the source domain's mean loss.

        Raises:
          InputError: the run has left no weights of behaviors, or of none.
          ValueError: the weight is negative.
        """
        flag = f"--meta=found(run={run})"
        path = Path(run) / _FILE
        if not path.is_file():
            raise InputError(
                f"{flag}: expected the folder of a run whose --meta "
                f"learns weights, such as bip, found no {path}"
            )
        super().__init__(BehaviorWeights.load(path), weight, flag)
