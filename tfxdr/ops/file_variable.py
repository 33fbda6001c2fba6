"""Variables whose values lie in files.

The buffer of such a variable is the file: an operation reads it page by page,
and the system keeps pages while there is memory for them. Whoever saves the
variable, or reads it outside of a graph, takes no copy.

TensorFlow itself copies a buffer that is not its own as soon as an operation
gathers rows of the variable. Outside of graphs rows are gathered from its value
instead; a graph that gathers them takes the copy, and is right.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import tensorflow as tf
from tensorflow.python.ops.resource_variable_ops import ResourceVariable

from tfxdr.ops import mapped


class FileVariable(ResourceVariable):
    """A table in a file.

    Attributes:
      mapped: `[rows, ...]` float32, what it began with, in the file.

    Args:
      values: a mapped array.
      name: of the variable.
      trainable: whether a layer counts it among what it learns.
      grows: whether the number of rows may change.
    """

    def __init__(
        self,
        values: np.memmap,
        *,
        name: str,
        trainable: bool = False,
        grows: bool = False,
    ) -> None:
        self.mapped = values
        super().__init__(
            initial_value=_as_tensor(values),
            shape=[None if grows else len(values), *values.shape[1:]],
            name=name,
            trainable=trainable,
        )

    def assign(self, value: Any, *_: Any, **__: Any) -> FileVariable:
        """Writes to the file.

        Raises:
          ValueError: the value has another shape.
        """
        values = np.asarray(value)
        if values.shape != self.mapped.shape:
            raise ValueError(
                f"{self.name}: expected the shape {self.mapped.shape}, found "
                f"{values.shape}"
            )
        self.mapped[...] = values
        super().assign(_as_tensor(self.mapped), read_value=False)
        return self

    def sparse_read(self, indices: tf.Tensor, name: str | None = None) -> Any:
        if not tf.executing_eagerly():
            return super().sparse_read(indices, name)
        return tf.gather(self.value(), indices)

    def gather_nd(self, indices: tf.Tensor, name: str | None = None) -> Any:
        if not tf.executing_eagerly():
            return super().gather_nd(indices, name)
        return tf.gather_nd(self.value(), indices)


@contextlib.contextmanager
def tables_in_files(folder: str, least: int) -> Iterator[list[FileVariable]]:
    """Inside, layers make their large tables in files, as zeros.

    They are for values that are read: an initializer is not asked.

    Args:
      folder: of the files, which have no names.
      least: bytes from which on a table is large.

    Yields:
      Those that are made, a list that grows inside.

    Raises:
      InputError: there is no room for a file.
    """
    made: list[FileVariable] = []

    def create(next_creator: Callable, **arguments: Any) -> tf.Variable:
        shape = _table(arguments)
        if shape is None or 4 * math.prod(shape) < least:
            return next_creator(**arguments)
        made.append(
            FileVariable(
                mapped.zeros(folder, shape, np.float32),
                name=arguments["name"],
                trainable=arguments["trainable"],
            )
        )
        return made[-1]

    with tf.variable_creator_scope(create):
        yield made


def beside(
    table: tf.Tensor | tf.Variable, shape: tuple[int, ...]
) -> np.ndarray:
    """Zeros of float32, mapped where a table is in a file."""
    if not isinstance(table, FileVariable):
        return np.zeros(shape, np.float32)
    return mapped.zeros(mapped.folder_of(table.mapped), shape, np.float32)


def growing(values: np.ndarray, name: str) -> tf.Variable:
    """A variable of any number of rows, not trained; of a mapped array, in
    its file."""
    if mapped.is_mapped(values):
        return FileVariable(values, name=name, grows=True)
    return tf.Variable(
        values, trainable=False, shape=[None, *values.shape[1:]], name=name
    )


def _table(arguments: dict[str, Any]) -> list[int] | None:
    """The shape of a table of float32; none of what is none."""
    shape, dtype = arguments.get("shape"), arguments.get("dtype")
    if shape is None or dtype is None or tf.as_dtype(dtype) != tf.float32:
        return None
    known = tf.TensorShape(shape)
    if not known.is_fully_defined() or known.rank != 2:
        return None
    return known.as_list()


def _as_tensor(values: np.memmap) -> tf.Tensor:
    """A tensor whose buffer is the file: a page begins where TensorFlow wants
    its buffers to."""
    return tf.experimental.dlpack.from_dlpack(values.__dlpack__())
