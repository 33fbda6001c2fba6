"""What a person sees while a stage trains."""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Callable, Iterator, Mapping

from rich.console import Console
from rich.progress import BarColumn, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bars

from tfxdr.start_up import printable

_PLAIN_SECONDS = 30.0  # between lines of a stage, without a terminal
_REFRESH_STEPS = 10  # between readings of the loss, which wait for the device


class Progress:
    """A line per stage: updated on a terminal, now and then elsewhere.

    Args:
      console: where to write.
    """

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or Console(
            highlight=False, soft_wrap=True, markup=False, emoji=False
        )

    @classmethod
    def unseen(cls) -> Progress:
        """One that writes nothing, for workers beside a chief who does."""
        return cls(Console(quiet=True))

    def say(self, text: str) -> None:
        """Writes lines, without markup, and none that commands a terminal."""
        self.console.print(printable(text, keep="\n"), markup=False)

    @contextlib.contextmanager
    def stage(
        self, name: str, *, epochs: int, steps: int, done: int, monitor: str
    ) -> Iterator[StageLine]:
        """Follows a stage; what is on a terminal goes when it ends.

        Args:
          name: of the stage.
          epochs: how many there can be.
          steps: of an epoch.
          done: steps that a resumed run has behind it.
          monitor: the metric that is shown beside the loss.
        """
        facts = (name, epochs, steps, done, monitor)
        if not self.console.is_terminal:
            yield StageLine(*facts, self._now_and_then())
            return
        with self._bars() as bars:
            task = bars.add_task(
                name, total=epochs * steps, completed=done, text=""
            )

            def update(line: StageLine) -> None:
                bars.update(task, completed=line.done, text=line.state)

            yield StageLine(*facts, update)

    def _bars(self) -> Bars:
        return Bars(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=20),
            TextColumn("{task.fields[text]}", markup=False),
            TimeRemainingColumn(),
            console=self.console,
            transient=True,
        )

    def _now_and_then(self) -> Callable[[StageLine], None]:
        last = time.monotonic()

        def show(line: StageLine) -> None:
            nonlocal last
            if time.monotonic() - last > _PLAIN_SECONDS:
                last = time.monotonic()
                self.say(f"{line.name}: {line.state}, {line.left}")

        return show


class StageLine:
    """What is known of a stage while it trains.

    Args:
      name: of the stage.
      epochs: how many there can be.
      steps: of an epoch.
      done: steps that are behind it already.
      monitor: the metric to be shown beside the loss.
      show: called with the line when it has changed.

    Attributes:
      done: steps of the stage.
    """

    def __init__(
        self,
        name: str,
        epochs: int,
        steps: int,
        done: int,
        monitor: str,
        show: Callable[[StageLine], None],
    ) -> None:
        self.name = name
        self.done = self._first = done
        self._epochs = epochs
        self._steps = steps
        self._monitor = monitor
        self._show = show
        self._loss = ""
        self._metric = ""
        self._start = time.monotonic()

    def advance(self, loss: Callable[[], float]) -> None:
        """One step more; `loss` is read only when it is shown."""
        self.done += 1
        if self.done % _REFRESH_STEPS and self.done % self._steps:
            return
        self._loss = f", loss {loss():.4f}"
        self._show(self)

    def epoch_done(self, epoch: int, metrics: Mapping[str, float]) -> None:
        """An epoch was validated.

        Args:
          epoch: its number, from 1.
          metrics: `loss` and those of its validation.
        """
        self.done = epoch * self._steps  # a callback may have ended it early
        self._loss = f", loss {metrics['loss']:.4f}"
        if self._monitor in metrics:
            self._metric = f", {self._monitor} {metrics[self._monitor]:.4f}"
        self._show(self)

    @property
    def state(self) -> str:
        """`epoch 3/20, 85 steps/s, loss 0.3428, hr@5 0.4079`."""
        epoch = max(math.ceil(self.done / self._steps), 1)
        return (
            f"epoch {epoch}/{self._epochs}, {self._rate:.1f} steps/s"
            f"{self._loss}{self._metric}"
        )

    @property
    def left(self) -> str:
        """How long it takes at most from here on."""
        steps = self._epochs * self._steps - self.done
        return f"{steps / max(self._rate, 1e-9):.0f} s left at most"

    @property
    def _rate(self) -> float:
        elapsed = max(time.monotonic() - self._start, 1e-9)
        return (self.done - self._first) / elapsed
