"""What an optimizer knows of each variable, for a later training to begin with.

Keras's optimizers keep lists with one entry for each of their variables, of its
shape, such as Adam's two moments. What is known of a row of a table is the same
row of each of them.
"""

from __future__ import annotations

from pathlib import Path

import tensorflow as tf
from tensorflow import keras

from tfxdr.errors import InputError
from tfxdr.training.checkpoint import CheckpointFolder
from tfxdr.training.parameters import ParameterGroups


def read_optimizers(parameters: ParameterGroups, folder: Path) -> None:
    """Gives optimizers what the last epoch of a training left of them.

    The variables that they move stay as they are.

    Args:
      parameters: in the groups of that training.
      folder: of its stage's checkpoints.

    Raises:
      InputError: there are none, or they are of another training.
    """
    alone = tf.Module()
    alone.groups = [(optimizer,) for optimizer, _ in parameters.groups]
    saved = CheckpointFolder(folder, tf.train.Checkpoint(parameters=alone))
    if not saved.restore(lambda line: None):
        raise InputError(
            f"{folder}: expected the checkpoint of a finished run, found none"
        )


def are_kept(parameters: ParameterGroups) -> bool:
    """Whether all optimizers keep what they know as Keras's do."""
    return all(
        isinstance(optimizer, keras.optimizers.Optimizer)
        for optimizer, _ in parameters.groups
    )


def slots(parameters: ParameterGroups) -> dict[int, dict[str, tf.Variable]]:
    """What is kept of each variable: by its `id`, and by name."""
    found: dict[int, dict[str, tf.Variable]] = {}
    for optimizer, variables in parameters.groups:
        for name, kept in vars(optimizer).items():
            if isinstance(kept, list) and _one_each(kept, variables):
                for slot, variable in zip(kept, variables, strict=True):
                    found.setdefault(id(variable), {})[name] = slot
    return found


def _one_each(kept: list, variables: list[tf.Variable]) -> bool:
    return len(kept) == len(variables) and all(
        isinstance(slot, tf.Variable)
        and slot is not variable
        and slot.shape == variable.shape
        for slot, variable in zip(kept, variables, strict=True)
    )


def count_on(now: ParameterGroups, before: ParameterGroups) -> None:
    """Gives optimizers the number of steps that others have done.

    Moments that are not young any more need it: Adam takes those of its first
    steps for larger than they are.
    """
    (done, *_) = [optimizer.iterations for optimizer, _ in before.groups]
    for optimizer, _ in now.groups:
        optimizer.iterations.assign(done)
