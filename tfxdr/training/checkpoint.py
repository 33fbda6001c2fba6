"""One atomic checkpoint of everything that training is made of."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import tensorflow as tf
from tensorflow.core.protobuf.trackable_object_graph_pb2 import (
    TrackableObjectGraph,
)

from tfxdr.errors import InputError
from tfxdr.files import plain_path, written_aside
from tfxdr.ops import tables
from tfxdr.ops.bundles import DAMAGED

_PREFIX = "variables"
# TensorFlow's names for what it keeps beside values, and for a value.
_OBJECT_GRAPH, _VALUE = "_CHECKPOINTABLE_OBJECT_GRAPH", "VARIABLE_VALUE"
_FLAG = "--run, --runs_dir or --cache_dir"  # what chooses the place


class TrainingState(tf.Module):
    """Where training stands, as variables, so that it is saved with them.

    Args:
      trained: the variables of which the best values are kept.
    """

    def __init__(self, trained: Sequence[tf.Variable]) -> None:
        super().__init__()
        self.epoch = _counter()
        self.step = _counter()  # within the epoch
        self.loss_sum = tf.Variable(0.0, trainable=False, dtype=tf.float64)
        self.loss_count = tf.Variable(0.0, trainable=False, dtype=tf.float64)
        self.first_bad_step = tf.Variable(-1, trainable=False, dtype=tf.int64)
        self.best_value = tf.Variable(
            float("-inf"), trainable=False, dtype=tf.float64
        )
        self.best_epoch = tf.Variable(-1, trainable=False, dtype=tf.int64)
        self.stale_epochs = _counter()  # since the best
        self.stopped = tf.Variable(False, trainable=False)  # by a callback
        self.seconds = tf.Variable(0.0, trainable=False, dtype=tf.float64)
        self.best = tables.copies(trained)

    @property
    def best_values(self) -> list[tf.Variable]:
        """Of each trained variable, in their order."""
        return tables.flat(self.best)


class CheckpointFolder:
    """Keeps the newest two of numbered checkpoints; each is whole or not there.

    The one before is what a run goes on from whose newest the disk has spoilt.

    Args:
      folder: where they live.
      checkpoint: what they hold.
    """

    def __init__(self, folder: Path, checkpoint: tf.train.Checkpoint) -> None:
        self.folder = folder
        self.checkpoint = checkpoint
        self._is_used = False  # by this process

    @property
    def variables(self) -> list[tf.Variable]:
        """All that it holds, always in one order."""
        return _variables(self.checkpoint)

    def save(self) -> None:
        """Writes the next number, and deletes all but the one before.

        Raises:
          InputError: what this process has written is gone.
        """
        saved = self._saved()
        if self._is_used and not saved:
            raise InputError(
                f"{self.folder}: expected the checkpoints of this run, found "
                "none: its folder was removed or moved while it went on; "
                "start it again, and delete what is left there"
            )
        self._is_used = True
        number = saved[-1] + 1 if saved else 0
        save_variables(self.folder / str(number), self.checkpoint)
        self._delete(saved[:-1])

    def restore(self, say: Callable[[str], None]) -> bool:
        """Reads the newest that is whole; `False` if there is none at all.

        Args:
          say: told of one that is damaged, once the one before has been read.

        Raises:
          InputError: all of them are damaged, or of another model; of the
            newest.
        """
        damaged: dict[int, InputError] = {}
        for number in reversed(self._saved()):
            try:
                self._read(number)
            except InputError as error:
                damaged[number] = error
                continue
            for one in damaged:
                say(
                    f"warning: the checkpoint {self.folder / str(one)} is "
                    f"damaged: going on from {self.folder / str(number)}, the "
                    "one before it"
                )
            self._delete(list(damaged))
            return True
        if damaged:
            raise next(iter(damaged.values()))
        return False

    def keep_newest(self) -> None:
        """Deletes all but the newest."""
        self._delete(self._saved()[:-1])

    def _read(self, number: int) -> None:
        restore_variables(
            self.folder / str(number),
            self.checkpoint,
            remedy="start the run again with --overwrite",
        )

    def _delete(self, numbers: Sequence[int]) -> None:
        for number in numbers:
            shutil.rmtree(self.folder / str(number))

    def clear(self) -> None:
        """Deletes all."""
        self._is_used = False
        shutil.rmtree(self.folder, ignore_errors=True)

    def _saved(self) -> list[int]:
        if not self.folder.is_dir():
            return []
        names = [path.name for path in self.folder.iterdir()]
        return sorted(int(name) for name in names if name.isdecimal())


def save_variables(folder: Path, checkpoint: tf.train.Checkpoint) -> None:
    """Writes a checkpoint as a folder that is whole or not there.

    Raises:
      InputError: if it cannot be written or the disk is full.
    """
    # Absolute: parameter servers write their own shards, from elsewhere.
    with (
        written_aside(folder, _FLAG) as partial,
        plain_path(partial.absolute()) as place,
    ):
        checkpoint.write(str(place / _PREFIX))


def restore_variables(
    folder: Path, checkpoint: tf.train.Checkpoint, *, remedy: str
) -> None:
    """Reads what `save_variables` wrote.

    Args:
      folder: where it lies.
      checkpoint: the objects to fill; they may be a part of what was saved.
      remedy: what the user can do if that fails, for the message.

    Raises:
      InputError: if it is missing, damaged or of another model.
    """
    with _readable(folder, remedy) as prefix:
        status = checkpoint.read(prefix)
        # Inside: what is created later would be read then.
        status.assert_existing_objects_matched()
        status.expect_partial()  # a part of what was saved is enough


def restore_one_by_one(
    folder: Path, checkpoint: tf.train.Checkpoint, *, remedy: str
) -> None:
    """As `restore_variables`, with one value at a time in memory.

    TensorFlow reads all of them before it assigns the first. This is for
    models, whose state is variables; tables in shards and what optimizers keep
    beside variables are not for it.
    """
    with _readable(folder, remedy) as prefix:
        reader = tf.train.load_checkpoint(prefix)
        keys = _keys(prefix, checkpoint, reader)
        for variable in _variables(checkpoint):
            if variable.ref() not in keys:
                raise ValueError(f"{variable.name} is not there")
            variable.assign(reader.get_tensor(keys[variable.ref()]))


def _keys(
    prefix: str, checkpoint: tf.train.Checkpoint, reader: Any
) -> dict[Any, str]:
    """By variable, the name of its value in a checkpoint."""
    graph = TrackableObjectGraph.FromString(reader.get_tensor(_OBJECT_GRAPH))
    matched = tf.train.CheckpointView(prefix).match(checkpoint)
    return {
        part.ref(): attribute.checkpoint_key
        for node, part in matched.items()
        if isinstance(part, tf.Variable)
        for attribute in graph.nodes[node].attributes
        if attribute.name == _VALUE
    }


def _variables(checkpoint: tf.train.Checkpoint) -> list[tf.Variable]:
    found = tf.train.TrackableView(checkpoint).descendants()
    return [part for part in found if isinstance(part, tf.Variable)]


@contextlib.contextmanager
def _readable(folder: Path, remedy: str) -> Iterator[str]:
    """Gives the prefix of a checkpoint; says of which it cannot be read.

    Raises:
      InputError: in place of what TensorFlow raises inside.
    """
    try:
        with plain_path(folder.absolute()) as place:
            yield str(place / _PREFIX)
    except DAMAGED as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise InputError(
            f"{folder} does not hold the variables of this model: {reason}; "
            f"{remedy}"
        ) from error


def _counter() -> tf.Variable:
    return tf.Variable(0, trainable=False, dtype=tf.int64)
