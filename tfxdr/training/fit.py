"""Training a stage to its end, as every stage is trained."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from tensorflow import keras

from tfxdr.training.history import History
from tfxdr.training.loop import Loop, LoopSettings
from tfxdr.training.parameters import OptimizerSettings, ParameterGroups
from tfxdr.training.progress import Progress
from tfxdr.training.stage import Stage


def fit(
    stage: Stage,
    *,
    optimizer: OptimizerSettings,
    settings: LoopSettings,
    callbacks: Sequence[keras.callbacks.Callback] = (),
    run_folder: Path,
    resume: bool,
    progress: Progress,
) -> dict[str, float]:
    """Trains a stage's model and leaves it with its best weights.

    Args:
      stage: what is trained.
      optimizer: how parameters move.
      settings: when to stop.
      callbacks: what goes along.
      run_folder: holds checkpoints and history.
      resume: go on from the run's checkpoint.
      progress: what the person sees.

    Returns:
      Metrics of the best epoch, `best_epoch`, `epochs` and `seconds`.

    Raises:
      TrainingError: if the loss is not finite, or memory runs out.
    """
    parameters = groups(stage, optimizer, epochs=settings.epochs)
    stage.prepare(parameters)
    loop = Loop(
        stage,
        parameters,
        settings,
        callbacks=callbacks,
        folder=checkpoints(run_folder, stage.checkpoints),
        history=History(run_folder),
        progress=progress,
    )
    return loop.run(resume=resume)


def groups(
    stage: Stage, optimizer: OptimizerSettings, *, epochs: int
) -> ParameterGroups:
    """What a stage moves, with new optimizers."""
    moved = stage.parameters
    return ParameterGroups(
        optimizer,
        pretrained=moved.pretrained,
        policy=moved.policy,
        new=moved.new,
        total_steps=epochs * stage.batches.steps,
    )


def checkpoints(run_folder: Path, stage: str) -> Path:
    """Where a stage's checkpoints lie, by what it calls them."""
    return run_folder / "checkpoints" / stage
