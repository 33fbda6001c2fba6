"""Adam against lazy Adam on an embedding table: time per step and memory.

Adam decays the moments of a whole table at every step; lazy Adam touches the
rows that the batch has read. Each cell is a process of its own, so that its
peak memory is its own; a step looks up as many random rows as the batch has.

    python benchmarks/lazy_adam.py [--rows=10000,100000,1000000] [--steps=50]

Prints the median time of a step, the peak memory above that of a process that
has only loaded TensorFlow, and how much of it goes beyond the table and its
two moments. About a minute on two cores.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Iterator

import numpy as np

OPTIMIZERS = ("adam", "lazyadam")
WARM_UP = 5  # steps: the first traces


def measure(optimizer: str, rows: int, chosen: argparse.Namespace) -> dict:
    """Seconds of a step, and bytes, in this process."""
    # The parent, which only starts others, does without TensorFlow.
    import tensorflow as tf

    from tfxdr.registry import optimizers
    from tfxdr.training import parameters as parts
    from tfxdr.training.cost import peak_bytes

    tf.random.stateless_uniform([2, 2], [0, 0])  # starts the runtime
    loaded = peak_bytes()
    table = tf.Variable(tf.ones([rows, chosen.width]))
    parameters = parts.ParameterGroups(
        parts.OptimizerSettings(optimizers.parse(optimizer), 1e-3),
        pretrained=[],
        new=[table],
        total_steps=1000,
    )

    @tf.function
    def step(batch: tf.Tensor) -> None:
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(tf.square(tf.gather(table, batch)))
        parameters.apply(tape.gradient(loss, [table]))

    seconds = []
    for batch in _batches(rows, chosen):
        start = time.perf_counter()
        step(tf.constant(batch))
        seconds.append(time.perf_counter() - start)
    return {
        "seconds": float(np.median(seconds[WARM_UP:])),
        "bytes": peak_bytes() - loaded,
    }


def _batches(rows: int, chosen: argparse.Namespace) -> Iterator[np.ndarray]:
    draws = np.random.Generator(np.random.Philox(0))
    for _ in range(WARM_UP + chosen.steps):
        yield draws.integers(0, rows, chosen.batch)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", default="10000,100000,1000000")
    parser.add_argument("--width", type=int, default=16)
    parser.add_argument("--batch", type=int, default=256)
    parser.add_argument("--steps", type=int, default=50)
    parser.add_argument("--cell", help="one optimizer:rows, as JSON")
    chosen = parser.parse_args()
    if chosen.cell:
        optimizer, rows = chosen.cell.split(":")
        print(json.dumps(measure(optimizer, int(rows), chosen)))
        return
    report([int(rows) for rows in chosen.rows.split(",")], chosen)


def report(sizes: list[int], chosen: argparse.Namespace) -> None:
    """A line per table, both optimizers beside each other."""
    print(f"batches of {chosen.batch} rows, {chosen.width} columns")
    columns = ("ms/step", "MiB", "beyond")
    print(
        f"{'rows':>9}"
        + "".join(f"{f'{o} {c}':>17}" for c in columns for o in OPTIMIZERS)
        + f"{'time ratio':>12}"
    )
    for rows in sizes:
        adam, lazy = (_cell(optimizer, rows) for optimizer in OPTIMIZERS)
        needed = 3 * 4 * rows * chosen.width  # the table and two moments
        cells = [both["seconds"] * 1e3 for both in (adam, lazy)]
        cells += [both["bytes"] / 2**20 for both in (adam, lazy)]
        cells += [(both["bytes"] - needed) / 2**20 for both in (adam, lazy)]
        print(
            f"{rows:>9}"
            + "".join(f"{cell:>17.2f}" for cell in cells)
            + f"{adam['seconds'] / lazy['seconds']:>12.1f}",
            flush=True,
        )


def _cell(optimizer: str, rows: int) -> dict:
    command = [sys.executable, *sys.argv, f"--cell={optimizer}:{rows}"]
    done = subprocess.run(command, stdout=subprocess.PIPE, check=True)
    return json.loads(done.stdout)


if __name__ == "__main__":
    main()
