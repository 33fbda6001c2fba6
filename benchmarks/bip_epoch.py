"""What BIP costs: an epoch with it and without, data loading included.

    python benchmarks/bip_epoch.py --data=FOLDER [--rounds=3] [--epochs=6]

Ciao's DVDs to books (`--data` holds `rating_with_timestamp.csv.gz`), with an
update every 100 steps and 100 steps of the head. Every round trains each joint
model with `--meta=none` and with `--meta=bip`, one after the other, by the
command line: an epoch is everything from its first batch to its checkpoint,
validation too. Prints the fastest epoch of all rounds, for the first of each
run traces and a busy machine slows others down; the training rows a second;
and the ratio. Some seven minutes on two cores.
"""

from __future__ import annotations

import argparse
import csv
import json
import pathlib
import subprocess
import sys
import tempfile

import numpy as np

FLAGS = pathlib.Path(__file__).parent.parent / "flags" / "ciao-dvds-books.flags"
BACKBONES = ("conet", "ddtcdr", "mtl")
META_FRACTION = 0.1
METAS = ("none", "bip")


def dataset(file: pathlib.Path) -> str:
    """Ciao's DVDs and books."""
    return (
        f"events(source='{file}',target='{file}',domain=category,"
        "source_domain=1,target_domain=2,rating=rating,"
        "source_min=1,target_min=1)"
    )


def train(
    backbone: str, meta: str, epochs: int, root: pathlib.Path, data: str
) -> tuple[float, int]:
    """Seconds of the fastest epoch, and its training rows."""
    run = root / "run"
    command = [sys.executable, "-m", "tfxdr.main", f"--flagfile={FLAGS}"]
    command += [f"--dataset={data}", f"--backbone={backbone}"]
    command += [f"--meta={meta}", "--bip_interval=100", "--bip_head_steps=100"]
    command += [f"--meta_fraction={META_FRACTION}"]
    command += [f"--epochs={epochs}", f"--patience={epochs}", "--overwrite"]
    command += [f"--run={run}", f"--cache_dir={root / 'cache'}"]
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    with (run / "history.csv").open(encoding="utf-8", newline="") as file:
        elapsed = [float(row["seconds"]) for row in csv.DictReader(file)]
    counts = json.loads((run / "metrics.json").read_text())["data"]["counts"]
    rows = round(counts["train"] * (1 - META_FRACTION))
    return float(np.min(np.diff(elapsed))), rows


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--data", type=pathlib.Path, required=True)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=6)
    chosen = parser.parse_args()
    data = dataset(chosen.data.resolve() / "rating_with_timestamp.csv.gz")
    print("| | none | bip | ratio | rows a second |")
    print("|---|---:|---:|---:|---|")
    with tempfile.TemporaryDirectory() as name:
        for backbone in BACKBONES:
            rounds = []
            for _ in range(chosen.rounds):
                results = [
                    train(
                        backbone, meta, chosen.epochs, pathlib.Path(name), data
                    )
                    for meta in METAS
                ]
                rounds.append([seconds for seconds, _ in results])
                rows = results[0][1]
            none, bip = np.min(rounds, axis=0)
            print(
                f"| {backbone} | {none:.2f} s | {bip:.2f} s | {bip / none:.2f} "
                f"| {rows / none:,.0f} and {rows / bip:,.0f} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
