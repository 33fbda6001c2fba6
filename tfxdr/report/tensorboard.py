"""Figures for TensorBoard, and a line of its table of runs."""

from __future__ import annotations

import tfxdr.report.drawing  # noqa: F401  # matplotlib, before what follows

# isort: split
import io
import shutil
from collections.abc import Mapping
from pathlib import Path

import tensorflow as tf
from matplotlib.figure import Figure
from tensorboard.plugins.hparams import api as hparams_api

from tfxdr.folders import check_stays
from tfxdr.report.figures import draw_png

_DOTS_PER_INCH = 100  # TensorBoard shows one dot per pixel


def write_images(
    folder: Path, figures: Mapping[str, Figure], step: int = 0
) -> None:
    """Writes figures as image summaries into `folder / "policy"`.

    Args:
      folder: a run's `tensorboard/`; `policy` becomes a run beside the
        stages in it.
      figures: by the tag under which they are shown.
      step: the epoch that they belong to.

    Raises:
      InputError: the run's folder was removed meanwhile.
    """
    if not figures:
        return
    check_stays(folder)  # TensorFlow would make it again.
    writer = tf.summary.create_file_writer(str(folder / "policy"))
    try:
        with writer.as_default():
            for tag, figure in figures.items():
                tf.summary.image(tag, _pixels(figure), step=step)
    finally:
        writer.close()


def write_hparams(
    folder: Path,
    options: Mapping[str, bool | int | float | str],
    metrics: Mapping[str, float],
) -> None:
    """Writes what a run was and what it came to, for the tab HParams.

    It replaces what was written before, of which TensorBoard would show the
    older.

    Args:
      folder: a run's `tensorboard/`; `test` becomes a run beside the stages
        in it.
      options: of the run, by name.
      metrics: of its test, by key.

    Raises:
      InputError: the run's folder was removed meanwhile.
    """
    check_stays(folder)
    place = folder / "test"
    shutil.rmtree(place, ignore_errors=True)
    writer = tf.summary.create_file_writer(str(place))
    try:
        with writer.as_default():
            hparams_api.hparams(dict(options))
            for key, value in metrics.items():
                tf.summary.scalar(key, value, step=0)
    finally:
        writer.close()


def _pixels(figure: Figure) -> tf.Tensor:
    """`[1, height, width, 3]` uint8."""
    png = io.BytesIO()
    draw_png(figure, png, _DOTS_PER_INCH)
    return tf.io.decode_png(png.getvalue(), channels=3)[tf.newaxis]
