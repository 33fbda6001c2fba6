"""Figures in TensorBoard's event files, read back."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from matplotlib.figure import Figure
from tensorboard.backend.event_processing import event_accumulator

from tfxdr.report.tensorboard import write_images


def _square(colour):
    return Figure(figsize=(0.5, 0.25), facecolor=colour)


def _images(folder):
    events = event_accumulator.EventAccumulator(
        str(folder), size_guidance={event_accumulator.TENSORS: 0}
    )
    events.Reload()
    return {
        tag: [
            (event.step, tf.io.decode_png(event.tensor_proto.string_val[2]))
            for event in events.Tensors(tag)
        ]
        for tag in events.Tags()["tensors"]
    }


def test_writes_every_figure_under_its_tag(tmp_path):
    figures = {"rates": _square("#ff0000"), "users": _square("#0000ff")}
    write_images(tmp_path, figures, step=7)
    assert [path.name for path in tmp_path.iterdir()] == ["policy"]
    images = _images(tmp_path / "policy")
    assert set(images) == {"rates", "users"}
    for tag, colour in (("rates", [255, 0, 0]), ("users", [0, 0, 255])):
        ((step, pixels),) = images[tag]
        assert step == 7
        assert pixels.shape == (25, 50, 3)
        np.testing.assert_array_equal(
            pixels, np.broadcast_to(np.array(colour), pixels.shape)
        )


def test_keeps_what_was_written_before(tmp_path):
    write_images(tmp_path, {"rates": _square("red")}, step=1)
    write_images(tmp_path, {"rates": _square("blue")}, step=2)
    paths = sorted((tmp_path / "policy").glob("events*"))
    steps = {
        event.step
        for path in paths
        for event in tf.compat.v1.train.summary_iterator(str(path))
        for value in event.summary.value
    }
    assert steps == {1, 2}


def test_writes_nothing_for_nothing(tmp_path):
    write_images(tmp_path, {})
    assert not list(tmp_path.iterdir())


def test_closes_its_file_when_a_figure_fails(tmp_path):
    class Broken:
        def savefig(self, *args, **kwargs):
            raise RuntimeError("cannot be drawn")

    figures = {"rates": _square("red"), "users": Broken()}
    with pytest.raises(RuntimeError, match="cannot be drawn"):
        write_images(tmp_path, figures)
    assert set(_images(tmp_path / "policy")) == {"rates"}
