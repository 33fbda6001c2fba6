"""What each epoch gave: `history.csv` and the curves in TensorBoard."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from pathlib import Path

import tensorflow as tf

from tfxdr.files import write_text
from tfxdr.report.history import read_history

_LEADING = ("stage", "epoch", "loss", "learning_rate", "seconds")


class History:
    """A run's epochs, rewritten whole after each one.

    Attributes:
      rows: a mapping per stage and epoch of text, as it stands in the file.

    Args:
      folder: of the run; holds `history.csv` and `tensorboard/`.

    Raises:
      InputError: what `history.csv` holds is no history.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / "history.csv"
        self._logs = folder / "tensorboard"
        self._writers: dict[str, tf.summary.SummaryWriter] = {}
        self.rows: list[dict[str, str]] = []
        if self.path.is_file():
            for row in read_history(self.path):
                self._append(row)

    def rewind(self, stage: str, epoch: int) -> None:
        """Forgets a stage's epochs from a number on (they come again)."""
        self.rows = [
            row
            for row in self.rows
            if row["stage"] != stage or int(row["epoch"]) < epoch
        ]

    def add(self, stage: str, epoch: int, values: Mapping[str, float]) -> None:
        """Appends an epoch."""
        self._append({"stage": stage, "epoch": epoch, **values})
        write_text(self.path, self._text())
        self._draw(stage, epoch, values)

    def _append(self, row: Mapping[str, str | float]) -> None:
        self.rows.append({key: _as_text(key, row[key]) for key in row})

    def _text(self) -> str:
        found = {name for row in self.rows for name in row}
        names = [name for name in _LEADING if name in found]
        names += sorted(found - set(_LEADING))
        text = io.StringIO()
        writer = csv.DictWriter(text, names, lineterminator="\n")
        writer.writeheader()
        writer.writerows(self.rows)
        return text.getvalue()

    def _draw(
        self, stage: str, epoch: int, values: Mapping[str, float]
    ) -> None:
        if stage not in self._writers:
            self._writers[stage] = tf.summary.create_file_writer(
                str(self._logs / stage)
            )
        with self._writers[stage].as_default():
            for key, value in values.items():
                tf.summary.scalar(key, value, step=epoch)
        self._writers[stage].flush()


def _as_text(key: str, value: str | float) -> str:
    """A cell: the stage, a whole number, or six digits."""
    if isinstance(value, str):
        return value
    return str(int(value)) if key == "epoch" else f"{value:.6g}"
