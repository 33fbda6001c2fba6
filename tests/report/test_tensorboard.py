"""Figures in TensorBoard's event files, read back."""

from __future__ import annotations

import numpy as np
import pytest
import tensorflow as tf
from event_files import hparams, tensors
from matplotlib.figure import Figure

from tfxdr.report.tensorboard import write_hparams, write_images


def _square(colour):
    return Figure(figsize=(0.5, 0.25), facecolor=colour)


def _images(folder):
    return {
        tag: [
            (event.step, tf.io.decode_png(event.tensor_proto.string_val[2]))
            for event in events
        ]
        for tag, events in tensors(folder).items()
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


def test_options_and_test_are_a_line_of_the_table_of_runs(tmp_path):
    options = {"policy": "all", "epochs": 3, "rate": 0.5, "windows": True}
    write_hparams(tmp_path, options, {"hr@5": 0.25, "mrr@5/uni99": 0.125})
    found, metrics = hparams(tmp_path / "test")
    assert found == options
    assert found["windows"] is True
    assert metrics == {"hr@5": 0.25, "mrr@5/uni99": 0.125}


def test_a_run_that_went_on_has_its_latest_line_alone(tmp_path):
    write_images(tmp_path, {"rates": _square("red")})
    for epochs in (2, 3):
        write_hparams(tmp_path, {"epochs": epochs}, {"hr@5": epochs / 10})
    options, metrics = hparams(tmp_path / "test")
    assert options == {"epochs": 3} and metrics == {"hr@5": pytest.approx(0.3)}
    assert set(_images(tmp_path / "policy")) == {"rates"}
