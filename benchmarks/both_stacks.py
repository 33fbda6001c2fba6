"""Do plain policies give the same metrics on both stacks of TensorFlow?

    python benchmarks/both_stacks.py OTHER_PYTHON [--tolerance=0.001] [FLAGS]

Runs `--preset=synthetic` with this interpreter and with another one, seed and
data the same, and compares every number of `results.csv`. FLAGS are passed on,
such as `--epochs=2`. Exits with 1 if two numbers differ by more than the
tolerance. Both run at once: about a minute and a half on two cores.
"""

from __future__ import annotations

import argparse
import csv
import pathlib
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).parent.parent
COSTS = ("seconds", "bytes")  # of the machine, not of the model


def start(
    python: str, folder: pathlib.Path, flags: list[str]
) -> subprocess.Popen[str]:
    """Runs a preset in a folder, and does not wait for it."""
    command = [python, "-m", "tfxdr.main", "--preset=synthetic"]
    command += [f"--run={folder / 'run'}", f"--cache_dir={folder / 'cache'}"]
    return subprocess.Popen(
        [*command, *flags],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )


def metrics(
    process: subprocess.Popen[str], folder: pathlib.Path
) -> dict[tuple[str, str], float]:
    """Of one stack, when its run has ended: (policy, metric) to value."""
    _, error = process.communicate()
    if process.returncode:
        python = process.args[0]
        sys.exit(f"{python} ended with {process.returncode}:\n{error}")
    with (folder / "run" / "results.csv").open(encoding="utf-8") as file:
        return dict(_numbers(csv.DictReader(file)))


def _numbers(rows):
    for row in rows:
        name, *columns = row.items()
        for column, value in columns:
            if value and not any(cost in column for cost in COSTS):
                yield (name[1], column), float(value)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("python", help="interpreter of the other stack")
    parser.add_argument("--tolerance", type=float, default=1e-3)
    options, flags = parser.parse_known_args()
    with tempfile.TemporaryDirectory() as name:
        runs = []
        for stack, python in (
            ("this", sys.executable),
            ("other", options.python),
        ):
            folder = pathlib.Path(name) / stack
            folder.mkdir()
            runs.append((start(python, folder, flags), folder))
        try:
            one, other = (metrics(*run) for run in runs)
        finally:  # of two, where one failed
            for process, _ in runs:
                process.kill()
    if not one or one.keys() != other.keys():
        sys.exit(f"different columns: {one.keys() ^ other.keys()}")
    print("| | | this | other |\n|---|---|---:|---:|")
    for (name, column), value in one.items():
        print(
            f"| {name} | {column} | {value:.6f} | {other[name, column]:.6f} |"
        )
    worst = max(abs(value - other[key]) for key, value in one.items())
    print(f"\n{len(one)} metrics, largest difference {worst:.2g}")
    if worst > options.tolerance:
        sys.exit(f"above the tolerance of {options.tolerance}")


if __name__ == "__main__":
    main()
