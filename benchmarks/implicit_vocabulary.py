"""What a hypergradient costs as the item table grows.

The lower loss looks items of a batch up and weighs each row's error; the
weights are the outer variables. `rows` computes on the rows that were looked
up, as `tfxdr.ops.implicit` does by itself; `whole` is the same problem with a
penalty of factor 0 on the table, which makes every gradient of it whole.
Every case runs in a process of its own, in turn, so that its peak of memory
is its own: how far a compiled call goes above what the tables and the traced
graph take.

    python benchmarks/implicit_vocabulary.py [--rounds=3] [--calls=10]

Prints, as medians over rounds, the time of the fastest call and the memory,
and their ratios to the smallest table. About three minutes on two cores.
"""

from __future__ import annotations

import argparse
import json
import pathlib
import subprocess
import sys
import time

import numpy as np

SIZES = (10_000, 100_000, 1_000_000)
KINDS = ("rows", "whole")
BATCH, WIDTH = 128, 16
_STATUS = pathlib.Path("/proc/self/status")
_CLEAR = pathlib.Path("/proc/self/clear_refs")


def resident(key: str) -> int:
    """Bytes of `VmRSS` or, since the last reset, of the peak `VmHWM`."""
    for line in _STATUS.read_text(encoding="ascii").splitlines():
        if line.startswith(key):
            return int(line.split()[1]) * 1024
    raise SystemExit(f"{_STATUS} has no {key}: this benchmark needs Linux")


def problem(size: int, kind: str):
    """A compiled function without arguments that gives a hypergradient."""
    import tfxdr  # noqa: F401, I001  Chooses Keras 2 before TensorFlow loads.
    import tensorflow as tf

    from tfxdr.ops.implicit import Neumann, hypergradient

    rng = np.random.default_rng(0)
    table = tf.Variable(tf.random.stateless_normal([size, WIDTH], [0, 1]))
    kernel = tf.Variable(rng.normal(size=(WIDTH, 1)).astype(np.float32))
    weight = tf.Variable(np.ones(BATCH, np.float32))
    items, held_out = (
        tf.constant(rng.integers(0, size, BATCH)) for _ in range(2)
    )

    def errors(items: tf.Tensor) -> tf.Tensor:
        return tf.nn.softplus(tf.gather(table, items) @ kernel)[:, 0]

    def lower_loss() -> tf.Tensor:
        loss = tf.reduce_mean(weight * errors(items))
        if kind == "whole":
            loss += 0.0 * tf.reduce_sum(table**2)
        return loss

    return tf.function(
        lambda: hypergradient(
            lower_loss,
            lambda: tf.reduce_mean(errors(held_out)),
            [table, kernel],
            [weight],
            solver=Neumann(),
        )
    )


def measure(size: int, kind: str, calls: int) -> dict[str, float]:
    """Seconds of the fastest call, and bytes of the first one's peak."""
    compute = problem(size, kind)
    compute.get_concrete_function()
    before = resident("VmRSS")
    _CLEAR.write_text("5", encoding="ascii")  # resets the peak
    compute()
    peak = resident("VmHWM") - before
    seconds = []
    for _ in range(calls):
        start = time.perf_counter()
        compute()[0].numpy()
        seconds.append(time.perf_counter() - start)
    return {"seconds": min(seconds), "bytes": float(peak)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--calls", type=int, default=10)
    parser.add_argument("--case", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.case:
        kind, size = chosen.case.split(":")
        print(json.dumps(measure(int(size), kind, chosen.calls)))
        return
    found: dict[tuple[str, int], list[dict]] = {}
    for _ in range(chosen.rounds):
        for size in SIZES:
            for kind in KINDS:
                done = subprocess.run(
                    [
                        sys.executable,
                        __file__,
                        f"--case={kind}:{size}",
                        f"--calls={chosen.calls}",
                    ],
                    stdout=subprocess.PIPE,
                    check=True,
                )
                last = done.stdout.splitlines()[-1]
                found.setdefault((kind, size), []).append(json.loads(last))
    report(found)


def report(found: dict[tuple[str, int], list[dict]]) -> None:
    """One line for each case."""
    print(f"{'':7}{'table':>10}{'ms':>10}{'ratio':>8}{'MiB':>10}{'ratio':>8}")
    for kind in KINDS:
        first = None
        for size in SIZES:
            seconds, peak = (
                float(np.median([run[key] for run in found[kind, size]]))
                for key in ("seconds", "bytes")
            )
            first = first or (seconds, peak)
            print(
                f"{kind:7}{size:10,}{seconds * 1e3:10.2f}"
                f"{seconds / first[0]:8.2f}{peak / 2**20:10.1f}"
                f"{peak / first[1]:8.2f}"
            )


if __name__ == "__main__":
    main()
