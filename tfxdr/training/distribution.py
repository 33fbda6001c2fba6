"""Training on several devices, of one machine or of many.

All devices train one model on the same batches: each takes its rows of a
batch, gradients are summed over all of them, and each process then moves its
own variables by the same sum. So variables are ordinary ones, equal at first
because all take the chief's, and equal ever after. `tf.distribute` is asked for
what it is best at, sums over devices, and for nothing else.

A process has one distribution, as TensorFlow has one runtime, and the runtime
has to know of the others before it starts.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import zlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, TypeVar

import numpy as np
import tensorflow as tf

from tfxdr.errors import InputError, TrainingError
from tfxdr.evaluation import division
from tfxdr.layers.pair_bias import PairBias
from tfxdr.layers.ranking_head import RankingHead
from tfxdr.layers.standardization import Standardization
from tfxdr.ops import parts
from tfxdr.ops.tracing import graph_of
from tfxdr.training.parameters import merge_rows
from tfxdr.training.stage import Stage

T = TypeVar("T")
# What TensorFlow raises when another process has gone or is out of reach.
_LOST = (
    tf.errors.AbortedError,
    tf.errors.CancelledError,
    tf.errors.DeadlineExceededError,
    tf.errors.UnavailableError,
)
# What these hold without training is the same on each device: it is given, or
# summed over all of them.
_ALIKE = (PairBias, RankingHead, Standardization)
# Of a batch, beside its rows.
_WHOLE = ("seed", "step", "epoch")


class Distribution:
    """One device in one process, which is what there is by default.

    Attributes:
      index: of this process, from 0.
      count: of processes.
      remembers: whether a step may read what this process has computed before.
      pretrains_by: the optimizer of pre-training.
    """

    index = 0
    count = 1
    remembers = True
    pretrains_by = "adam"

    @property
    def is_chief(self) -> bool:
        """Whether this process writes, and decides what files decide."""
        return self.index == 0

    def check(self, stage: Stage) -> None:
        """Finds what keeps a stage from being trained so.

        Raises:
          InputError: names it.
        """
        del stage

    def check_component(self, flag: str, component: object) -> None:
        """Finds whether a component can have a batch in parts.

        Args:
          flag: that chose it.
          component: a loss or a meta-learner.

        Raises:
          InputError: if it needs all rows at once.
        """
        del flag, component

    def placing(self) -> contextlib.AbstractContextManager:
        """Variables made inside lie where those of a model belong."""
        return contextlib.nullcontext()

    def stepper(
        self, step: Callable[[Any], None], spec: Any, *, autograph: bool
    ) -> Callable[[Any], None]:
        """Makes what does a step, or sees to it that it is done.

        Args:
          step: what a batch does to the variables.
          spec: of a batch, of any size.
          autograph: whether Python's own branches may be in it.
        """
        return tf.function(step, input_signature=[spec], autograph=autograph)

    def settle(self) -> None:
        """Waits for steps that are not done yet."""

    def lost(self, error: tf.errors.OpError) -> str | None:
        """What to tell of another process that has gone; none can, alone."""
        del error
        return None

    def gradients(
        self, stage: Stage, batch: Any, variables: Sequence[tf.Variable]
    ) -> tuple[tf.Tensor, tf.Tensor, list]:
        """As `Stage.gradients`, of a whole batch."""
        return stage.gradients(batch, variables)

    def of_chief(self, ask: Callable[[], T]) -> T:
        """What the chief answers, and only it is asked; JSON can hold it."""
        return ask()

    def take_over(self, variables: Iterable[tf.Variable]) -> None:
        """Gives variables the values that the chief's have."""
        del variables

    def check_equal(self, variables: Iterable[tf.Variable]) -> None:
        """Sees that all processes have the same values.

        Raises:
          TrainingError: this one has others than the chief.
        """
        del variables

    @contextlib.contextmanager
    def dividing(self) -> Iterator[None]:
        """Evaluations inside are divided among the processes."""
        yield


class Devices(Distribution):
    """Several devices, of this process alone or of several.

    Args:
      strategy: of TensorFlow; it adds up.
      index: of this process.
      count: of processes.
    """

    def __init__(
        self, strategy: tf.distribute.Strategy, index: int = 0, count: int = 1
    ) -> None:
        self.strategy = strategy
        self.index = index
        self.count = count

    def check_component(self, flag: str, component: object) -> None:
        if getattr(component, "needs_whole_batch", False):
            raise InputError(
                f"--distribute: expected a {flag} that can be computed of "
                f"parts of a batch, found {type(component).__name__}, which "
                "compares all rows: choose another one, or --distribute=none"
            )

    def check(self, stage: Stage) -> None:
        known = {
            id(variable)
            for module in stage.model.submodules
            if isinstance(module, _ALIKE)
            for variable in module.variables
        }
        for variable in stage.model.non_trainable_variables:
            if not variable.trainable and id(variable) not in known:
                raise InputError(
                    f"--distribute: expected a model whose steps move nothing "
                    f"but what is trained, found {variable.name}, which would "
                    "become another on each device: train it on one machine, "
                    "with --distribute=none"
                )

    def gradients(
        self, stage: Stage, batch: Any, variables: Sequence[tf.Variable]
    ) -> tuple[tf.Tensor, tf.Tensor, list]:
        calls = itertools.count()  # one for each device of this process

        def of_part(batch: Any) -> list:
            part = self._part(batch, leads=next(calls) == 0)
            with parts.entered(part):
                loss, count, found = stage.gradients(
                    _rows(batch, part), variables
                )
            present = tf.cast(part.present, tf.float32)
            count = present * tf.cast(count, tf.float32)
            return self._summed([loss, count, *map(_distinct, found)])

        result = self.strategy.run(of_part, args=(batch,))
        results = self.strategy.experimental_local_results(result)
        loss, count, *found = results[0]  # They are all the same.
        return loss, count, found

    def _part(self, batch: Any, *, leads: bool) -> parts.Part:
        """Rows in their order, as evenly as they can be divided."""
        context = tf.distribute.get_replica_context()
        number = context.replica_id_in_sync_group
        devices = self.strategy.num_replicas_in_sync
        total = tf.shape(tf.nest.flatten(batch)[0])[0]
        first = number * total // devices
        rows = (number + 1) * total // devices - first
        return parts.Part(
            first=tf.minimum(first, total - 1),
            rows=tf.maximum(rows, 1),
            total=total,
            present=tf.cast(rows > 0, tf.float32),
            leads=leads,
            add=lambda tensors: list(context.all_reduce("sum", tensors)),
        )

    @staticmethod
    def _summed(tensors: list) -> list:
        """Of all devices; `None` stays, and of tables only rows are sent."""
        context = tf.distribute.get_replica_context()
        dense = [x for x in tensors if isinstance(x, tf.Tensor)]
        sums = iter(context.all_reduce("sum", dense))

        def summed(x: Any) -> Any:
            if isinstance(x, tf.IndexedSlices):
                return context.all_reduce("sum", x)
            return None if x is None else next(sums)

        return [summed(x) for x in tensors]


class Workers(Devices):
    """Several processes, each with its devices.

    Args:
      strategy: as of `Devices`.
      index: likewise.
      count: likewise.
    """

    def __init__(
        self, strategy: tf.distribute.Strategy, index: int, count: int
    ) -> None:
        super().__init__(strategy, index, count)
        self._add = graph_of(self._sum_over_processes, reduce_retracing=True)

    def joined(self, array: np.ndarray) -> np.ndarray:
        """The sum of the arrays that the processes give, in the same type."""
        array = np.asarray(array)
        wide = np.float64 if np.issubdtype(array.dtype, np.floating) else int
        found = self._add(tf.constant(array.astype(wide).reshape(-1)))
        return found.numpy().astype(array.dtype).reshape(array.shape)

    def of_chief(self, ask: Callable[[], T]) -> T:
        data = np.zeros(0, np.uint8)
        if self.is_chief:
            told = json.dumps(ask()).encode()
            data = np.frombuffer(told, np.uint8)
        size = int(self.joined(np.array([len(data)]))[0])
        padded = np.zeros(size, np.uint8)
        padded[: len(data)] = data
        return json.loads(self.joined(padded).tobytes())

    def lost(self, error: tf.errors.OpError) -> str | None:
        return (
            f"--distribute=multi-worker: worker {self.index} of {self.count} "
            f"has lost another one ({reason(error)}): see what that one said, "
            "and start all of them again with --resume"
        )

    def take_over(self, variables: Iterable[tf.Variable]) -> None:
        for variable in variables:
            value = variable.numpy()
            own = value if self.is_chief else np.zeros_like(value)
            variable.assign(self.joined(own))

    def check_equal(self, variables: Iterable[tf.Variable]) -> None:
        own = 0
        for variable in variables:
            own = zlib.crc32(variable.numpy().tobytes(), own)
        if self.of_chief(lambda: own) != own:
            raise TrainingError(
                "--distribute=multi-worker: the weights of worker "
                f"{self.index} are no longer the chief's: expected machines of "
                "one kind with the same TensorFlow, and callbacks that leave "
                "weights alone; start all of them again with --resume"
            )

    @contextlib.contextmanager
    def dividing(self) -> Iterator[None]:
        with division.divided(self):
            yield

    def _sum_over_processes(self, values: tf.Tensor) -> tf.Tensor:
        """Of `[n]`; the first device of each process has them, others 0."""
        calls = itertools.count()

        def of_device(values: tf.Tensor) -> tf.Tensor:
            own = values if next(calls) == 0 else tf.zeros_like(values)
            context = tf.distribute.get_replica_context()
            return context.all_reduce("sum", tf.identity(own))

        result = self.strategy.run(of_device, args=(values,))
        return self.strategy.experimental_local_results(result)[0]


_ALONE = Distribution()
_current: Distribution = _ALONE


def current() -> Distribution:
    """What this process trains on."""
    return _current


@contextlib.contextmanager
def distributed(distribution: Distribution) -> Iterator[None]:
    """What is trained inside is trained so; all processes end together.

    Raises:
      TrainingError: another process has gone.
    """
    global _current
    _current = distribution
    try:
        with distribution.placing():
            yield
        distribution.of_chief(lambda: None)  # Others wait until it is done.
    except _LOST as error:
        told = distribution.lost(error)
        if told is None:
            raise
        raise TrainingError(told) from error
    finally:
        _current = _ALONE


def reason(error: tf.errors.OpError) -> str:
    """The line of an error that says most of another process."""
    lines = [line.strip() for line in error.message.strip().splitlines()]
    return next((line for line in lines if "aborted by" in line), lines[-1])


def _rows(batch: Any, part: parts.Part) -> Any:
    """The part's rows of all that a batch has by row."""
    end = part.first + part.rows
    return batch._replace(
        **{
            name: tf.nest.map_structure(lambda x: x[part.first : end], value)
            for name, value in batch._asdict().items()
            if name not in _WHOLE
        }
    )


def _distinct(gradient: Any) -> Any:
    """A table's rows once each, so that none is sent twice."""
    return None if gradient is None else merge_rows(gradient)
