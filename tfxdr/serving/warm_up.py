"""Requests that TensorFlow Serving runs before it takes traffic."""

from __future__ import annotations

import types
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import tensorflow as tf

from tfxdr.errors import TrainingError
from tfxdr.serving.servable import Answer, Signature

PLACE = Path("assets.extra", "tf_serving_warmup_requests")


def protos() -> types.ModuleType | None:
    """The protocol of TensorFlow Serving's logs, if it is installed."""
    try:
        from tensorflow_serving.apis import prediction_log_pb2
    except ImportError:
        return None
    return prediction_log_pb2


def write(
    folder: Path,
    signatures: Mapping[str, Signature],
    sizes: Sequence[int],
    log: types.ModuleType,
) -> int:
    """Writes one record for each signature and batch size, and one more with
    unknown ids for each signature.

    Args:
      folder: of the SavedModel.
      signatures: what is called.
      sizes: rows of the requests.
      log: see `protos`.

    Returns:
      How many records there are.
    """
    path = folder / PLACE
    path.parent.mkdir()
    number = 0
    with tf.io.TFRecordWriter(str(path)) as file:
        for name, signature in signatures.items():
            wanted = [*((size, False) for size in sizes), (sizes[0], True)]
            for size, strange in wanted:
                record = log.PredictionLog()
                request = record.predict_log.request
                request.model_spec.name = folder.resolve().parent.name
                request.model_spec.signature_name = name
                for key, value in signature.request(size, strange).items():
                    request.inputs[key].CopyFrom(tf.make_tensor_proto(value))
                file.write(record.SerializeToString())
                number += 1
    return number


def replay(
    folder: Path, answers: Mapping[str, Answer], log: types.ModuleType
) -> None:
    """Runs every record, as a server will: one that fails would stop it.

    Args:
      folder: of the SavedModel.
      answers: the reloaded functions by signature.
      log: see `protos`.

    Raises:
      TrainingError: names the record that failed.
    """
    for number, request in enumerate(_requests(folder / PLACE, log)):
        name = request.model_spec.signature_name
        inputs = {
            key: tf.constant(tf.make_ndarray(value))
            for key, value in request.inputs.items()
        }
        try:
            answers[name](**inputs)
        except (tf.errors.OpError, KeyError, TypeError, ValueError) as error:
            raise TrainingError(
                f"warm-up record {number} (signature {name}) fails: {error}; "
                "nothing was published"
            ) from error


def _requests(path: Path, log: types.ModuleType) -> Iterator:
    for record in tf.data.TFRecordDataset(str(path)):
        found = log.PredictionLog.FromString(record.numpy())
        yield found.predict_log.request
