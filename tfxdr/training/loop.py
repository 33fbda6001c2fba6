"""The loop that every stage trains in."""

from __future__ import annotations

import contextlib
import dataclasses
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import tensorflow as tf
from tensorflow import keras

from tfxdr.errors import TrainingError
from tfxdr.ops.tracing import needs_autograph
from tfxdr.registry.metric_names import rising
from tfxdr.training import distribution, precision
from tfxdr.training.checkpoint import CheckpointFolder, TrainingState
from tfxdr.training.cost import enough_memory
from tfxdr.training.history import History
from tfxdr.training.parameters import ParameterGroups
from tfxdr.training.progress import Progress, StageLine
from tfxdr.training.stage import Stage


@dataclasses.dataclass(frozen=True)
class LoopSettings:
    """When training stops and what it leaves behind.

    Attributes:
      epochs: at most.
      patience: epochs without a better metric before it stops.
      monitor: the metric that picks the epoch; `falls` knows whether it
        should fall.
      checkpoint_seconds: time between checkpoints within an epoch.
      advice: what to do about a loss that is not finite.
    """

    epochs: int
    patience: int
    monitor: str
    checkpoint_seconds: float
    advice: str = "Lower the learning rate"


class Loop:
    """Trains a stage until its metric no longer gets better.

    Data order and random draws are functions of (seed, epoch, step), and one
    checkpoint holds all else; so a loop that was killed and resumed ends
    with the same numbers.

    Callbacks are called as by `Model.fit`; validation is their test. The model
    has no `optimizer` for them, and what they keep in themselves is not in a
    checkpoint. One that has `draws_progress` takes the place of our bar.

    Args:
      stage: what to train.
      parameters: the variables that move, and how.
      settings: when to stop.
      callbacks: what goes along.
      folder: of the stage's checkpoints.
      history: where epochs are written.
      progress: what the person sees.
    """

    def __init__(
        self,
        stage: Stage,
        parameters: ParameterGroups,
        settings: LoopSettings,
        *,
        callbacks: Sequence[keras.callbacks.Callback] = (),
        folder: Path,
        history: History,
        progress: Progress,
    ) -> None:
        self.stage = stage
        self.parameters = parameters
        self.settings = settings
        self.history = history
        self.progress = progress
        self._variables = parameters.variables_to_train
        self._kept = [
            *self._variables,
            *stage.companion.trainable_variables,
            *_statistics(stage.model),
        ]
        self.state = TrainingState(self._kept)
        self.checkpoints = CheckpointFolder(
            folder,
            tf.train.Checkpoint(
                model=stage.model,
                parameters=parameters,
                state=self.state,
                companion=stage.companion,
            ),
        )
        self.devices = distribution.current()
        self._may_be_stopped = bool(callbacks)
        self._callbacks = keras.callbacks.CallbackList(
            list(callbacks) if self.devices.is_chief else [],
            model=stage.model,
            epochs=settings.epochs,
            steps=stage.batches.steps,
            verbose=0,
        )
        self._step: Callable[[Any], None] | None = None

    def run(self, *, resume: bool) -> dict[str, float]:
        """Trains, and leaves the model with its best weights.

        Args:
          resume: go on from the stage's checkpoint, if there is one.

        Returns:
          The metrics of the best epoch's validation, `best_epoch` (from 1),
          `epochs` and `seconds`.

        Raises:
          TrainingError: if the loss is not finite, or memory runs out.
        """
        self.devices.check(self.stage)
        self._start(resume)
        self.history.rewind(self.stage.name, int(self.state.epoch) + 1)
        self.stage.model.stop_training = False  # what a callback may set
        self._callbacks.on_train_begin()
        with enough_memory(self.stage.name), self._shown() as line:
            if not self._finished():
                self.stage.begin()
            while not self._finished():
                self._epoch(line)
        self._callbacks.on_train_end()
        if self.devices.is_chief:
            self.checkpoints.keep_newest()
        self.stage.end()
        self._load_best()
        self._say_how_it_ended()
        return self._summary()

    def _start(self, resume: bool) -> None:
        """Where the chief's checkpoint stands, if there is one."""
        if self.devices.is_chief:
            if not (resume and self.checkpoints.restore(self.progress.say)):
                self.checkpoints.clear()
        self.devices.take_over(self.checkpoints.variables)

    def _finished(self) -> bool:
        return (
            int(self.state.epoch) >= self.settings.epochs
            or int(self.state.stale_epochs) >= self.settings.patience
            or bool(self.state.stopped)
        )

    def _epoch(self, line: StageLine) -> None:
        self._clock = time.monotonic()
        self._callbacks.on_epoch_begin(int(self.state.epoch))
        try:
            self._steps(line)
        except KeyboardInterrupt:
            self._save()
            raise
        self.devices.check_equal(self._kept)
        self._save()  # validation takes a while, and can be interrupted
        with self.parameters.averaged(), self.devices.dividing():
            metrics = {"loss": float(self._mean_loss())} | self._validate()
            self._keep_if_best(metrics)
        self._callbacks.on_epoch_end(int(self.state.epoch), metrics)
        self._close_epoch(metrics)
        line.epoch_done(int(self.state.epoch), metrics)

    def _validate(self) -> dict[str, float]:
        self._callbacks.on_test_begin()
        metrics = self.stage.validate()
        self._callbacks.on_test_end(metrics)
        return metrics

    def _steps(self, line: StageLine) -> None:
        epoch, first = int(self.state.epoch), int(self.state.step)
        saved = time.monotonic()
        batches = self.stage.batches.epoch(epoch, first)
        if self._step is None:  # one trace for batches of every size
            optimizers = [optimizer for optimizer, _ in self.parameters.groups]
            self._step = self.devices.stepper(
                self._train_step,
                batches.element_spec,
                autograph=needs_autograph(*self.stage.components, *optimizers),
            )
        for step, batch in enumerate(batches, start=first):
            self._callbacks.on_train_batch_begin(step)
            with precision.of_steps():
                self._step(batch)
            self.stage.after_step(batch)
            line.advance(lambda: float(self._mean_loss()))
            if self._callbacks.callbacks:
                logs = {"loss": self._mean_loss()}
                self._callbacks.on_train_batch_end(step, logs)
            if time.monotonic() - saved > self.settings.checkpoint_seconds:
                self._save()
                saved = time.monotonic()
            if self._is_stopped():
                break

    def _is_stopped(self) -> bool:
        """By a callback, of which the chief alone has any."""
        model = self.stage.model
        if self._may_be_stopped:
            model.stop_training = self.devices.of_chief(
                lambda: bool(model.stop_training)
            )
        return model.stop_training

    def _shown(self) -> contextlib.AbstractContextManager[StageLine]:
        name, steps = self.stage.name, self.stage.batches.steps
        epochs, monitor = self.settings.epochs, self.settings.monitor
        done = int(self.state.epoch) * steps + int(self.state.step)
        drawn = any(
            getattr(callback, "draws_progress", False)
            for callback in self._callbacks.callbacks
        )
        if drawn:
            silent = StageLine(
                name, epochs, steps, done, monitor, lambda line: None
            )
            return contextlib.nullcontext(silent)
        return self.progress.stage(
            name, epochs=epochs, steps=steps, done=done, monitor=monitor
        )

    def _say_how_it_ended(self) -> None:
        """One line; `history.csv` has every epoch."""
        state, monitor = self.state, self.settings.monitor
        summary = self._summary()
        text = f"{self.stage.name}: {int(state.epoch)} epochs"
        if monitor in summary:
            text += f", {monitor} {summary[monitor]:.4f} in epoch "
            text += f"{summary['best_epoch']}"
        self.progress.say(f"{text}, {float(state.seconds):.0f} s")

    def _train_step(self, batch: Any) -> None:
        state = self.state
        loss, count, gradients = self.devices.gradients(
            self.stage, batch, self._variables
        )
        norm = self.parameters.apply(gradients)
        finite = tf.math.is_finite(loss) & tf.math.is_finite(norm)
        first = ~finite & (state.first_bad_step < 0)
        state.first_bad_step.assign(
            tf.where(first, state.step + 1, state.first_bad_step)
        )
        loss, count = tf.cast(loss, tf.float64), tf.cast(count, tf.float64)
        state.loss_sum.assign_add(loss * count)
        state.loss_count.assign_add(count)
        state.step.assign_add(1)

    def _mean_loss(self) -> tf.Tensor:
        count = tf.maximum(self.state.loss_count, 1.0)
        return self.state.loss_sum / count

    def _keep_if_best(self, metrics: Mapping[str, float]) -> None:
        state, monitor = self.state, self.settings.monitor
        value = rising(monitor, metrics[monitor])
        if value > float(state.best_value):
            state.best_value.assign(value)
            state.best_epoch.assign(state.epoch)
            state.stale_epochs.assign(0)
            _copy(self._kept, state.best_values)
        else:
            state.stale_epochs.assign_add(1)

    def _close_epoch(self, metrics: Mapping[str, float]) -> None:
        """One checkpoint marks the epoch as done; a row comes before it."""
        state = self.state
        rate = self.parameters.learning_rate()
        state.epoch.assign_add(1)
        state.stopped.assign(self._is_stopped())
        for variable in (state.step, state.loss_sum, state.loss_count):
            variable.assign(tf.zeros_like(variable))
        self._count_seconds()
        if self.devices.is_chief:
            self.history.add(
                self.stage.name,
                int(state.epoch),
                {
                    **metrics,
                    "learning_rate": rate,
                    "seconds": float(state.seconds),
                },
            )
        self._save()

    def _count_seconds(self) -> None:
        now = time.monotonic()
        self.state.seconds.assign_add(now - self._clock)
        self._clock = now

    def _save(self) -> None:
        self.devices.settle()
        self._check_finite()
        self._count_seconds()
        if self.devices.is_chief:
            self.checkpoints.save()

    def _check_finite(self) -> None:
        """Stops before anything that is not finite is saved.

        Raises:
          TrainingError: names the stage, epoch, step and tensor.
        """
        step = int(self.state.first_bad_step)
        if step < 0:
            return
        names = [
            variable.name
            for variable in self._variables
            if not bool(tf.reduce_all(tf.math.is_finite(variable)))
        ]
        tensor = f"; first variable of its kind: {names[0]}" if names else ""
        raise TrainingError(
            f"{self.stage.name}: the loss or its gradient is not finite from "
            f"step {step} of epoch {int(self.state.epoch) + 1} on{tensor}. "
            f"{self.settings.advice}, and start again with --overwrite"
        )

    def _load_best(self) -> None:
        if int(self.state.best_epoch) >= 0:
            _copy(self.state.best_values, self._kept)

    def _summary(self) -> dict[str, float]:
        best = int(self.state.best_epoch) + 1
        rows = {
            int(row["epoch"]): row
            for row in self.history.rows
            if row["stage"] == self.stage.name
        }
        metrics = {
            key: float(value)
            for key, value in rows.get(best, {}).items()
            if key not in ("stage", "epoch", "learning_rate", "seconds")
            and value
        }
        return metrics | {
            "best_epoch": best,
            "epochs": int(self.state.epoch),
            "seconds": float(self.state.seconds),
        }


def _statistics(model: keras.Model) -> list[tf.Variable]:
    """What steps move without a gradient, such as running moments.

    The best epoch's weights would be wrong on those of the last one. Frozen
    weights are none of them: a frozen layer's variables are trainable.
    """
    return [v for v in model.non_trainable_variables if not v.trainable]


def _copy(sources: list[tf.Variable], targets: list[tf.Variable]) -> None:
    for source, target in zip(sources, targets, strict=True):
        target.assign(source)
