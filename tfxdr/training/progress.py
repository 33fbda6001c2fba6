"""What a person sees while a stage trains."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator, Mapping

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    TextColumn,
    TimeRemainingColumn,
)
from rich.progress import Progress as RichProgress

_PLAIN_SECONDS = 30.0  # between lines within an epoch, without a terminal
_REFRESH_STEPS = 10  # between readings of the loss, which wait for the device


class Progress:
    """Bars on a terminal, plain lines elsewhere.

    Args:
      console: where to write.
    """

    def __init__(self, console: Console | None = None) -> None:
        self.console = console or Console(
            highlight=False, soft_wrap=True, markup=False, emoji=False
        )

    def say(self, text: str) -> None:
        """Writes a line, without markup."""
        self.console.print(text, markup=False)

    @contextlib.contextmanager
    def epoch(
        self, stage: str, epoch: int, epochs: int, steps: int, done: int
    ) -> Iterator[EpochBar]:
        """Follows the steps of one epoch.

        Args:
          stage: its name.
          epoch: number, from 1.
          epochs: how many there can be.
          steps: of the epoch.
          done: steps that a resumed run has behind it.
        """
        title = f"{stage} epoch {epoch}/{epochs}"
        if not self.console.is_terminal:
            yield EpochBar(self._plain(title, steps), steps, done)
            return
        with RichProgress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]}"),
            TimeRemainingColumn(),
            TextColumn("{task.fields[loss]}"),
            console=self.console,
            transient=True,
        ) as bars:
            task = bars.add_task(
                title, total=steps, completed=done, rate="", loss=""
            )

            def show(step: int, rate: float, loss: float) -> None:
                bars.update(
                    task,
                    completed=step,
                    rate=f"{rate:.1f} steps/s",
                    loss=f"loss {loss:.4f}",
                )

            yield EpochBar(show, steps, done)

    def _plain(
        self, title: str, steps: int
    ) -> Callable[[int, float, float], None]:
        last = time.monotonic()

        def show(step: int, rate: float, loss: float) -> None:
            nonlocal last
            if time.monotonic() - last > _PLAIN_SECONDS:
                last = time.monotonic()
                left = (steps - step) / rate
                self.say(
                    f"{title}: step {step}/{steps}, {rate:.1f} steps/s, "
                    f"{left:.0f} s left, loss {loss:.4f}"
                )

        return show

    def epoch_done(
        self, stage: str, epoch: int, metrics: Mapping[str, float]
    ) -> None:
        """Sums an epoch up in a line."""
        values = "  ".join(f"{k} {v:.4f}" for k, v in metrics.items())
        self.say(f"{stage} epoch {epoch:>3}  {values}")


class EpochBar:
    """Counts steps and shows them now and then."""

    def __init__(
        self,
        show: Callable[[int, float, float], None],
        steps: int,
        done: int,
    ) -> None:
        self._show = show
        self._steps = steps
        self._first = self._step = done
        self._start = time.monotonic()

    def advance(self, loss: Callable[[], float]) -> None:
        """One step more; `loss` is read only when it is shown."""
        self._step += 1
        if self._step % _REFRESH_STEPS and self._step != self._steps:
            return
        elapsed = max(time.monotonic() - self._start, 1e-9)
        rate = (self._step - self._first) / elapsed
        self._show(self._step, rate, loss())
