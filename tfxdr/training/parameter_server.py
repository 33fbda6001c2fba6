"""Training with tables that lie in shards on parameter servers.

It is TensorFlow's `ParameterServerStrategy`. The chief makes batches and hands
them to workers through a `ClusterCoordinator`; a worker asks the servers for
the rows that its batch reads, and sends them gradients of those rows. Nobody
waits for anybody: a worker's rows may be a few steps old when its gradient
arrives.
"""

from __future__ import annotations

import collections
import contextlib
import os
import time
from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf

from tfxdr.errors import InputError
from tfxdr.ops import tables
from tfxdr.start_up import captured_stderr
from tfxdr.training import rendezvous, tf_config
from tfxdr.training.distribution import Distribution, reason
from tfxdr.training.stage import Stage

NAME = "parameter-server"
_CONFIG = tf_config.CONFIG
# Variables of fewer rows are not worth a request to every server.
_TABLE_ROWS = 500
_EXAMPLE = (
    '{"cluster": {"chief": ["HOST:PORT"], "ps": ["HOST:PORT", "HOST:PORT"], '
    '"worker": ["HOST:PORT", "HOST:PORT"]}, '
    '"task": {"type": "worker", "index": 0}}'
)
_PENDING = 2  # batches for each worker: one that it has, one that waits
_WAITING = 16  # threads of a server; most of them do nothing
_PATIENCE = 4  # looks in vain after which it has gone


class ParameterServers(Distribution):
    """What the chief has; it alone knows of the run.

    Args:
      strategy: of TensorFlow, connected.
      workers: how many there are.
    """

    remembers = False  # Each batch would carry what is remembered.
    pretrains_by = "lazyadam"

    def __init__(
        self, strategy: tf.distribute.ParameterServerStrategy, workers: int
    ) -> None:
        self.strategy = strategy
        self.coordinator = tf.distribute.coordinator.ClusterCoordinator(
            strategy
        )
        self._most = _PENDING * workers
        self._pending: collections.deque = collections.deque()

    def placing(self) -> contextlib.AbstractContextManager:
        return self.strategy.scope()

    def check(self, stage: Stage) -> None:
        """Finds a head whose table is computed of what the servers have."""
        model = stage.model
        source = getattr(model, "source", None)
        for head in (model.head, *([source.head] if source else [])):
            if not isinstance(head.kernel, (tf.Variable, tables.Sharded)):
                raise InputError(
                    f"--distribute={NAME}: expected a backbone whose "
                    "pre-training scores items by rows of a table as they "
                    f"are, found {model.backbone.name}, which computes another "
                    "table in every step: choose another one, or "
                    "--distribute=multi-worker"
                )

    def stepper(
        self, step: Callable[[Any], None], spec: Any, *, autograph: bool
    ) -> Callable[[Any], None]:
        def of_worker(batch: Any) -> tuple:
            self.strategy.run(step, args=(batch,))
            return ()  # A result would be lost with its worker.

        function = tf.function(
            of_worker, input_signature=[spec], autograph=autograph
        )

        def schedule(batch: Any) -> None:
            if len(self._pending) == self._most:
                self._pending.popleft().fetch()
            done = self.coordinator.schedule(function, args=(batch,))
            self._pending.append(done)

        return schedule

    def settle(self) -> None:
        self.coordinator.join()
        self._pending.clear()

    def lost(self, error: tf.errors.OpError) -> str | None:
        first = error.message.strip().splitlines()[0]
        return (
            f"--distribute={NAME}: a parameter server is out of reach "
            f"({first}): see what it said, and start all of them again "
            "with --resume"
        )


def connected(say: Callable[[str], None]) -> Distribution:
    """The chief's, once all others are there.

    Raises:
      InputError: they cannot be reached.
    """
    resolver = tf.distribute.cluster_resolver.TFConfigClusterResolver()
    jobs = resolver.cluster_spec().as_dict()
    servers, workers = len(jobs["ps"]), len(jobs["worker"])
    say(f"chief: waiting for {servers} parameter servers, {workers} workers")
    rendezvous.wait_for([*jobs["ps"], *jobs["worker"]])

    def partitions(shape: Sequence[int], dtype: tf.DType, **_: Any) -> list:
        del dtype
        divided = servers if shape[0] >= _TABLE_ROWS else 1
        return [divided, *[1] * (len(shape) - 1)]

    # Each checkpoint is a new graph, of which TensorFlow warns.
    tf.get_logger().setLevel("ERROR")
    try:
        with captured_stderr():
            strategy = tf.distribute.ParameterServerStrategy(
                resolver, variable_partitioner=partitions
            )
            return ParameterServers(strategy, workers)
    except tf.errors.OpError as error:
        raise InputError(
            f"--distribute={NAME}: the chief could not reach all others: "
            f"{reason(error)}; see that all have started and that {_CONFIG} "
            "names the same ones everywhere"
        ) from error


def served(say: Callable[[str], None]) -> bool:
    """Serves the chief until it has gone, unless this process is the chief.

    Returns:
      Whether it has served.

    Raises:
      InputError: TF_CONFIG is not what is expected, or TensorFlow is too old.
    """
    jobs, kind, index = task_from(os.environ.get(_CONFIG))
    if not knows_shards():
        raise InputError(
            f"--distribute={NAME}: expected a TensorFlow whose optimizers read "
            "tables back in other shards, 2.21 or later, found "
            f"{tf.__version__}: upgrade it, or choose --distribute=multi-worker"
        )
    if kind == "chief":
        return False
    name = "parameter server" if kind == "ps" else kind
    say(f"{name} {index} of {len(jobs[kind])}: at {jobs[kind][index]}")
    try:
        with captured_stderr():
            tf.distribute.Server(
                jobs,
                job_name=kind,
                task_index=index,
                protocol="grpc",
                config=_threads(),
            )
    except tf.errors.OpError as error:
        raise InputError(
            f"--distribute={NAME}: {name} {index} could not serve at "
            f"{jobs[kind][index]}: {reason(error)}; see that the port is free"
        ) from error
    with rendezvous.told_how_to_go_on():
        _outlast(jobs["chief"][0])
    say(f"{name} {index} of {len(jobs[kind])}: the chief has ended")
    return True


def knows_shards() -> bool:
    """Whether Keras's optimizers keep what belongs to a table as one.

    Those of TensorFlow 2.15 do not, and those in between have not been tried.
    """
    major, minor = map(int, tf.__version__.split(".")[:2])
    return (major, minor) >= (2, 21)


def _threads() -> tf.compat.v1.ConfigProto:
    """As many as `--threads` asks for, and those that wait for others.

    One thread that waits for rows of another process would wait for ever: it
    is what would have to send its own.
    """
    pools = tf.config.threading
    return tf.compat.v1.ConfigProto(
        intra_op_parallelism_threads=pools.get_intra_op_parallelism_threads(),
        inter_op_parallelism_threads=_WAITING,
    )


def task_from(text: str | None) -> tuple[dict[str, list[str]], str, int]:
    """Reads TF_CONFIG.

    Returns:
      Addresses by job, and the job and the number of this process.

    Raises:
      InputError: says what is expected.
    """
    kinds = dict.fromkeys(("chief", "ps", "worker"), True)
    task = tf_config.task_from(text, f"--distribute={NAME}", _EXAMPLE, kinds)
    return task.jobs, task.kind, task.index


def _outlast(chief: str) -> None:
    """Waits until the chief is there, and then until it has gone."""
    rendezvous.wait_for([chief])
    vain = 0
    while vain < _PATIENCE:
        time.sleep(rendezvous.PAUSE)
        vain = 0 if rendezvous.answers(chief) else vain + 1
