"""What TensorBoard reads in event files."""

from __future__ import annotations

import pathlib
from typing import Any

import tensorflow as tf
from tensorboard.backend.event_processing import event_accumulator
from tensorboard.plugins.hparams import metadata


def _read(folder: pathlib.Path) -> event_accumulator.EventAccumulator:
    sizes = {event_accumulator.TENSORS: 0}  # all of them
    events = event_accumulator.EventAccumulator(str(folder), sizes)
    events.Reload()
    return events


def tensors(folder: pathlib.Path) -> dict[str, list[Any]]:
    """Events of one run by tag."""
    events = _read(folder)
    return {tag: events.Tensors(tag) for tag in events.Tags()["tensors"]}


def hparams(folder: pathlib.Path) -> tuple[dict[str, Any], dict[str, float]]:
    """Hyperparameters of a run, and the scalars beside them."""
    tag = metadata.SESSION_START_INFO_TAG
    content = _read(folder).SummaryMetadata(tag).plugin_data.content
    told = metadata.parse_session_start_info_plugin_data(content).hparams
    options = {
        name: getattr(value, value.WhichOneof("kind"))
        for name, value in told.items()
    }
    scalars = {
        name: float(tf.make_ndarray(events[-1].tensor_proto))
        for name, events in tensors(folder).items()
        if name != tag
    }
    return options, scalars
