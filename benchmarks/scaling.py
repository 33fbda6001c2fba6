"""How time and memory of a step grow with the data and with the model.

    python -m benchmarks --preset=scaling [--figure=FILE.png] [--rounds=3]
        [--batch=128] [--length=32] [--channels=64] [--layers=8]
        [--items=10000] [--users=20000]

Takes one size after the other to half, twice and four times of what is given,
all others held, and each case in a process of its own: a step of pre-training
(full softmax) and of fine-tuning (`all`), and the full ranking of all users'
test items. Prints CPU seconds of all threads, the process's peak memory, and
the exponents of the power laws that fit best: 1 is in proportion, 0 is not at
all. Ten minutes on two cores.
"""

from __future__ import annotations

import argparse
import json
import pathlib
import subprocess
import sys
from typing import NamedTuple

import numpy as np

FACTORS = (0.5, 1, 2, 4)
SIZES = {
    "batch": 128,
    "length": 32,
    "channels": 64,
    "layers": 8,
    "items": 10_000,
    "users": 20_000,
}
GROWING = {
    "pre-train": ("items", "length", "layers", "batch"),
    "finetune-all": ("items", "length", "layers", "batch"),
    "full-ranking": ("users", "items"),
}


class Curve(NamedTuple):
    """What a stage takes at each of `FACTORS` times one size."""

    stage: str
    size: str
    cpu_seconds: list[float]
    peak_mib: list[float]

    def exponent(self, values: list[float]) -> float:
        """Of the power law that fits best."""
        return float(np.polyfit(np.log(FACTORS), np.log(values), 1)[0])


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--figure", type=pathlib.Path, help="PNG")
    parser.add_argument("--rounds", type=int, default=3)
    for name, size in SIZES.items():
        parser.add_argument(f"--{name}", type=int, default=size)
    chosen = vars(parser.parse_args())
    sizes = {name: chosen[name] for name in SIZES}
    print("| stage | grows | CPU s | exponent | peak MiB | exponent |")
    print("|---|---|---|---:|---|---:|", flush=True)
    curves = []
    for stage, growing in GROWING.items():
        whole = _measured(stage, sizes, chosen["rounds"])
        for size in growing:
            curve = _curve(stage, size, sizes, whole, chosen["rounds"])
            curves.append(curve)
            _print(curve)
    if chosen["figure"]:
        _draw(curves, chosen["figure"])


def _curve(
    stage: str,
    size: str,
    sizes: dict[str, int],
    whole: tuple[float, float],
    rounds: int,
) -> Curve:
    found = [
        whole
        if factor == 1
        else _measured(stage, sizes | {size: int(factor * sizes[size])}, rounds)
        for factor in FACTORS
    ]
    seconds, memory = zip(*found, strict=True)
    return Curve(stage, size, list(seconds), list(memory))


def _measured(
    stage: str, sizes: dict[str, int], rounds: int
) -> tuple[float, float]:
    """CPU seconds of a step, and MiB."""
    command = [sys.executable, "-m", "benchmarks", f"--cell={stage}"]
    command += ["--sides=ours", f"--rounds={rounds}"]
    command += [f"--{name}={size}" for name, size in sizes.items()]
    folder = pathlib.Path(__file__).parent.parent
    done = subprocess.run(command, capture_output=True, cwd=folder, text=True)
    if done.returncode:
        sys.exit(f"{stage} ended with {done.returncode}:\n{done.stderr}")
    measured = json.loads(done.stdout.splitlines()[-1])
    return float(np.min(measured["cpu_ours"])), measured["peak_bytes"][
        0
    ] / 2**20


def _print(curve: Curve) -> None:
    seconds = ", ".join(f"{value:.3f}" for value in curve.cpu_seconds)
    memory = ", ".join(f"{value:,.0f}" for value in curve.peak_mib)
    print(
        f"| {curve.stage} | {curve.size} | {seconds} "
        f"| {curve.exponent(curve.cpu_seconds):.2f} | {memory} "
        f"| {curve.exponent(curve.peak_mib):.2f} |",
        flush=True,
    )


def _draw(curves: list[Curve], path: pathlib.Path) -> None:
    """A panel for each stage's time, and one for the memory of all."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 6), layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(2, len(GROWING), sharex=True)
    for column, stage in enumerate(GROWING):
        for curve in (c for c in curves if c.stage == stage):
            for row, values in enumerate((curve.cpu_seconds, curve.peak_mib)):
                label = f"{curve.size}: {curve.exponent(values):.2f}"
                panels[row, column].plot(
                    FACTORS, values, marker="o", label=label
                )
        panels[0, column].set_title(stage)
        panels[1, column].set_xlabel("times the size")
    for panel in panels.flat:
        panel.legend(title="exponent of", fontsize="small")
        panel.grid(alpha=0.3)
        panel.set_xscale("log", base=2)
        panel.set_xticks(FACTORS, map(str, FACTORS))
    for panel in panels[0]:
        panel.set_yscale("log", base=2)
        panel.yaxis.set_major_formatter("{x:.3f}")
    panels[0, 0].set_ylabel("CPU seconds of a step")
    panels[1, 0].set_ylabel("peak MiB of the process")
    figure.savefig(path, dpi=80)


if __name__ == "__main__":
    main()
