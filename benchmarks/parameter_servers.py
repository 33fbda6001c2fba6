"""What `--distribute=parameter-server` needs: on paper, and measured.

    python -m benchmarks.parameter_servers [--table]
    python -m benchmarks.parameter_servers --measure=100000,1000000

The first prints the tables of docs/distributed.md from the formulas below. The
second trains on so many items, with two servers and a worker of this machine,
and prints what they hold and send beside what the formulas say; it takes a
minute or two for each number, and asks `ss` (iproute2) for bytes of sockets.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import math
import os
import re
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from typing import NamedTuple

FLOAT = 4  # bytes, of an item's id as well
KEPT = 4  # of a weight: itself, two moments, and the best so far
MEMORY = 64e9  # of a machine that serves
USED = 0.75  # of it, by tables
EVENTS = 100  # of a user
DAY = 86_400.0
SERVERS = 2  # where it is measured


class Shape(NamedTuple):
    """Of a model and its batches.

    Attributes:
      width: of an item's vector.
      batch: users.
      length: of a history.
      samples: negatives of the sampled softmax.
    """

    width: int = 64
    batch: int = 256
    length: int = 50
    samples: int = 1000


def table_bytes(items: float, shape: Shape) -> float:
    """What servers keep of a table that input and softmax share."""
    return KEPT * FLOAT * items * shape.width


def distinct_rows(items: int, shape: Shape) -> float:
    """Rows with a gradient: items of a log-uniform draw, once each.

    The item of rank r has the probability log(1 + 1/r) / log(items + 1). Ranks
    are summed in blocks, each as if all had the probability of its middle.
    """
    draws = shape.batch * shape.length + shape.samples
    total, first = 0.0, 1
    while first <= items:
        end = min(items, max(first, int(first * 1.02)))
        middle = math.sqrt(first * end)
        share = math.log1p(1 / middle) / math.log(items + 1)
        total += (end - first + 1) * -math.expm1(draws * math.log1p(-share))
        first = end + 1
    return total


def step_bytes(items: int, shape: Shape, dense: int = 0) -> float:
    """What the servers send and receive in a step, in all.

    A worker reads a row for each input, label and negative, repeated or not,
    each asked for by its id. It sends the gradient of each row once. Of other
    weights, `dense` numbers, it reads all and sends all gradients.
    """
    read = 2 * shape.batch * shape.length + shape.samples
    row = FLOAT * (shape.width + 1)
    return row * (read + distinct_rows(items, shape)) + 2 * FLOAT * dense


def machines(items: float, shape: Shape) -> int:
    """Servers for a table."""
    return math.ceil(table_bytes(items, shape) / (USED * MEMORY))


def history_bytes(users: float) -> float:
    """What the chief reads, from disk where it has no room for it."""
    return users * (FLOAT * EVENTS + 8)


def rate_for_a_day(users: float, shape: Shape) -> float:
    """Steps per second for an epoch in a day."""
    return users / shape.batch / DAY


def print_tables(shape: Shape) -> None:
    """Those of docs/distributed.md."""
    print("| items | tables, GB | servers of 64 GB | MB per step |")
    print("|---|---|---|---|")
    for items in (10**6, 10**7, 10**8):
        print(
            f"| {items:,} | {table_bytes(items, shape) / 1e9:,.1f} "
            f"| {machines(items, shape)} "
            f"| {step_bytes(items, shape) / 1e6:.1f} |"
        )
    print("\n| users | histories, GB | steps of an epoch | steps/s for a day |")
    print("|---|---|---|---|")
    for users in (10**8, 10**9):
        print(
            f"| {users:,} | {history_bytes(users) / 1e9:,.0f} "
            f"| {users / shape.batch:,.0f} "
            f"| {rate_for_a_day(users, shape):,.1f} |"
        )


def measure(items: int, steps: int, shape: Shape) -> None:
    """Prints what a training on so many items costs."""
    with contextlib.ExitStack() as stack:
        jobs = {
            kind: [_address(stack) for _ in range(count)]
            for kind, count in (("chief", 1), ("ps", SERVERS), ("worker", 1))
        }
    others = {
        (kind, index): _start(jobs, kind, index, items, steps)
        for kind in ("ps", "worker")
        for index in range(len(jobs[kind]))
    }
    try:
        pids = [others["ps", index].pid for index in range(SERVERS)]
        os.environ["SERVERS"] = ",".join(map(str, pids))
        chief = _start(jobs, "chief", 0, items, steps)
        if chief.wait():
            raise SystemExit(f"the chief failed with {chief.returncode}")
        for process in others.values():
            process.wait(60)
    finally:
        for process in others.values():
            if process.poll() is None:
                process.kill()


def _address(stack: contextlib.ExitStack) -> str:
    held = stack.enter_context(socket.socket())
    held.bind(("127.0.0.1", 0))
    return f"127.0.0.1:{held.getsockname()[1]}"


def _start(
    jobs: dict, kind: str, index: int, items: int, steps: int
) -> subprocess.Popen:
    task = {"type": kind, "index": index}
    config = json.dumps({"cluster": jobs, "task": task})
    flags = [f"--task={items}", f"--steps={steps}"]
    return subprocess.Popen(
        [sys.executable, "-m", "benchmarks.parameter_servers", *flags],
        env={**os.environ, "TF_CONFIG": config},
    )


def take_part(items: int, steps: int, shape: Shape) -> None:
    """What one of the processes does."""
    from tfxdr.training import parameter_server

    if parameter_server.served(lambda line: None):
        return
    devices = parameter_server.connected(lambda line: None)
    servers = [int(pid) for pid in os.environ["SERVERS"].split(",")]
    before = _resident(servers)
    with devices.placing():
        _train(devices, items, steps, shape, servers, before)


def _train(
    devices, items: int, steps: int, shape: Shape, servers: list, before: int
) -> None:
    import numpy as np
    import tensorflow as tf

    from tfxdr.backbones import create
    from tfxdr.models.pretrain import PretrainModel
    from tfxdr.ops import tables
    from tfxdr.registry import optimizers
    from tfxdr.training import parameters as parts
    from tfxdr.training.checkpoint import TrainingState
    from tfxdr.types import Batch

    backbone = create(f"sasrec(channels={shape.width})", num_items=items)
    model = PretrainModel(
        backbone, items, loss="sampled_softmax", num_sampled=shape.samples
    )
    backbone(tf.zeros([1, 1], tf.int32))
    model.head.build(None)
    assert isinstance(model.head.kernel, tables.Sharded)
    moved = parts.ParameterGroups(
        parts.OptimizerSettings(optimizers.parse("lazyadam"), 1e-3),
        pretrained=[],
        new=model.trainable_variables,
        total_steps=1000,
    )
    state = TrainingState(moved.variables_to_train)
    ((optimizer, _),) = moved.groups
    for variable in (*tables.flat(optimizer.variables), *state.best_values):
        with tf.device(variable.device):  # Zeros and copies take no memory yet.
            variable.assign(variable * tf.ones([], variable.dtype))
    held = _resident(servers) - before
    dense = sum(
        math.prod(v.shape)
        for v in model.trainable_variables
        if v.shape[0] < items // (2 * SERVERS)
    )

    def step(batch: Batch) -> None:
        with tf.GradientTape() as tape:
            loss, _ = model.batch_loss(batch)
        variables = moved.variables_to_train
        moved.apply(tape.gradient(loss, variables))
        state.step.assign_add(1)

    def batches() -> Iterator[Batch]:
        draws = np.random.default_rng(0)
        size = [shape.batch, shape.length]
        for number in range(steps):
            rank = np.exp(draws.uniform(size=size) * math.log(items - 1))
            history = np.minimum(rank.astype(np.int32) + 1, items - 1)
            none = tf.zeros([shape.batch, 0], tf.int32)
            yield Batch(
                history=tf.constant(history),
                positives=none,
                negatives=none[..., tf.newaxis],
                candidates=none,
                seed=tf.constant([0, number]),
                step=tf.constant(number),
                epoch=tf.constant(0),
            )

    first, *rest = batches()
    spec = tf.nest.map_structure(tf.TensorSpec.from_tensor, first)
    do = devices.stepper(step, spec)
    do(first)
    devices.settle()
    sent, seconds = _transferred(servers), []
    for batch in rest:
        start = time.monotonic()
        do(batch)
        devices.settle()
        seconds.append(time.monotonic() - start)
    moved_bytes = (_transferred(servers) - sent) / len(rest)
    print(
        f"{items:,} items: tables {held / 1e6:,.0f} MB (formula "
        f"{table_bytes(items, shape) / 1e6:,.0f}), a step "
        f"{moved_bytes / 1e6:.2f} MB (formula "
        f"{step_bytes(items, shape, dense) / 1e6:.2f}) in "
        f"{1000 * statistics.median(seconds):.0f} ms",
        flush=True,
    )


def _resident(pids: list[int]) -> int:
    """Bytes in memory."""
    total = 0
    for pid in pids:
        with open(f"/proc/{pid}/status") as file:
            (line,) = (x for x in file if x.startswith("VmRSS"))
        total += 1024 * int(line.split()[1])
    return total


def _transferred(pids: list[int]) -> int:
    """Bytes that the sockets of processes have sent and received."""
    told = subprocess.run(
        ["ss", "-tinpHO"], check=True, capture_output=True, text=True
    ).stdout
    own = [x for x in told.splitlines() if any(f"pid={p}," in x for p in pids)]
    counts = re.findall(r"bytes_(?:sent|received):(\d+)", "\n".join(own))
    return sum(map(int, counts))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--table", action="store_true", help="the default")
    parser.add_argument("--measure", default="", help="numbers of items")
    parser.add_argument("--steps", type=int, default=20)
    parser.add_argument("--task", type=int, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.task:
        take_part(chosen.task, chosen.steps, Shape())
    elif chosen.measure:
        for items in chosen.measure.split(","):
            measure(int(items), chosen.steps, Shape())
    else:
        print_tables(Shape())


if __name__ == "__main__":
    main()
