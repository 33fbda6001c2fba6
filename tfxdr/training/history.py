"""What each epoch gave: `history.csv` and the curves in TensorBoard."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from pathlib import Path

import tensorflow as tf

from tfxdr.errors import InputError
from tfxdr.files import write_text

_LEADING = ("stage", "epoch", "loss", "learning_rate", "seconds")


class History:
    """A run's epochs, rewritten whole after each one.

    Args:
      folder: of the run; holds `history.csv` and `tensorboard/`.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / "history.csv"
        self._logs = folder / "tensorboard"
        self._writers: dict[str, tf.summary.SummaryWriter] = {}
        self.rows = _read(self.path)

    def rewind(self, stage: str, epoch: int) -> None:
        """Forgets a stage's epochs from a number on (they come again)."""
        self.rows = [
            row
            for row in self.rows
            if row["stage"] != stage or int(row["epoch"]) < epoch
        ]

    def add(self, stage: str, epoch: int, values: Mapping[str, float]) -> None:
        """Appends an epoch."""
        self.rows.append(
            {"stage": stage, "epoch": str(epoch)}
            | {key: f"{value:.6g}" for key, value in values.items()}
        )
        write_text(self.path, self._text())
        self._draw(stage, epoch, values)

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


def _read(path: Path) -> list[dict[str, str]]:
    if not path.is_file():
        return []
    with path.open(encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file)
        if not {"stage", "epoch"} <= set(reader.fieldnames or ()):
            raise InputError(
                f"{path}: expected the columns stage and epoch, found "
                f"{reader.fieldnames}; start the run again with --overwrite"
            )
        return [dict(row) for row in reader]
