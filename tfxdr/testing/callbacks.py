"""What every callback promises."""

from __future__ import annotations

import tempfile
from pathlib import Path

import numpy as np
import tensorflow as tf
from rich.console import Console
from tensorflow import keras

from tfxdr.registry import Spec, callbacks, optimizers
from tfxdr.testing.contract import (
    Contract,
    expect,
    expect_equal,
    expect_repeated,
)
from tfxdr.training import loop
from tfxdr.training.history import History
from tfxdr.training.parameters import OptimizerSettings, ParameterGroups
from tfxdr.training.progress import Progress

CALLBACK = Contract(callbacks)

_EPOCHS = 3


class _Line(keras.Model):
    """One weight that is drawn towards points."""

    def __init__(self) -> None:
        super().__init__()
        self.slope = tf.Variable(3.0, name="slope")

    def batch_loss(self, point: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        return tf.square(self.slope - point), tf.constant(1.0)


class _Points:
    steps = 4

    def epoch(self, epoch: int, first_step: int = 0) -> tf.data.Dataset:
        random = np.random.default_rng(epoch)
        points = random.normal(size=self.steps).astype(np.float32)
        return tf.data.Dataset.from_tensor_slices(points[first_step:])


class _Stage(loop.Stage):
    name = "check"

    def __init__(self, fails_in: int) -> None:
        self.model = _Line()
        self.batches = _Points()
        self._left = fails_in

    def validate(self) -> dict[str, float]:
        self._left -= 1
        if not self._left:
            raise KeyboardInterrupt
        return {"hr@5": -abs(float(self.model.slope))}


def _train(
    spec: Spec, folder: str, *, resume: bool = False, fails_in: int = 0
) -> tuple[dict[str, float], float]:
    """Metrics and weight after training, or until validation fails."""
    callback = spec.build()
    expect(
        isinstance(callback, keras.callbacks.Callback),
        f"it should be a Keras callback, it is a {type(callback).__name__}",
    )
    stage = _Stage(fails_in)
    parameters = ParameterGroups(
        OptimizerSettings(optimizers.parse("sgd"), 0.1),
        pretrained=[],
        new=[stage.model.slope],
        total_steps=_EPOCHS * _Points.steps,
    )
    training = loop.Loop(
        stage,
        parameters,
        loop.LoopSettings(_EPOCHS, _EPOCHS, "hr@5", 1e9),
        callbacks=[callback],
        folder=Path(folder) / "checkpoints",
        history=History(Path(folder)),
        progress=Progress(Console(quiet=True)),
    )
    found = training.run(resume=resume)
    found.pop("seconds")
    return found, float(stage.model.slope)


def _train_whole(spec: Spec) -> tuple[dict[str, float], float]:
    with tempfile.TemporaryDirectory() as folder:
        return _train(spec, folder)


@CALLBACK.promise
def training_runs_with_it(spec: Spec) -> None:
    """A training that it goes along with has an end, and finite numbers."""
    metrics, weight = _train_whole(spec)
    expect(metrics["epochs"] >= 1, f"no epoch came to its end: {metrics}")
    expect(np.isfinite([weight, *metrics.values()]).all(), f"{metrics}")


@CALLBACK.promise
def the_same_seed_gives_the_same_numbers(spec: Spec) -> None:
    """Two trainings from one start are equal to the bit."""
    expect_repeated(lambda: _train_whole(spec), "metrics and weights")


@CALLBACK.promise
def a_training_that_was_stopped_goes_on(spec: Spec) -> None:
    """A training that it goes along with ends alike when it is resumed."""
    whole = _train_whole(spec)
    with tempfile.TemporaryDirectory() as folder:
        try:
            _train(spec, folder, fails_in=2)
        except KeyboardInterrupt:
            pass
        resumed = _train(spec, folder, resume=True)
    expect_equal(resumed, whole, "metrics and weights")
