"""Figures for TensorBoard."""

from __future__ import annotations

import io
from collections.abc import Mapping
from pathlib import Path

import tensorflow as tf
from matplotlib.figure import Figure

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
    """
    if not figures:
        return
    writer = tf.summary.create_file_writer(str(folder / "policy"))
    try:
        with writer.as_default():
            for tag, figure in figures.items():
                tf.summary.image(tag, _pixels(figure), step=step)
    finally:
        writer.close()


def _pixels(figure: Figure) -> tf.Tensor:
    """`[1, height, width, 3]` uint8."""
    png = io.BytesIO()
    draw_png(figure, png, _DOTS_PER_INCH)
    return tf.io.decode_png(png.getvalue(), channels=3)[tf.newaxis]
