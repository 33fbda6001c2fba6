"""Does BIP find the harmful source behaviors that were planted?

    python benchmarks/bip_planted.py [--out=runs/bip] [--seeds=5]

Each flagfile of `flags/planted/` in several worlds, each with its own seed of
data and model; a sweep has seeds of the model alone, in one world.
Prints test AUC and log loss of the target domain, the AUC of behavior weights
against what was planted, and paired t-tests over worlds. A run that is there
already is not repeated. Five minutes a seed on two cores.
"""

from __future__ import annotations

import argparse
import json
import pathlib
import subprocess
import sys

import numpy as np
import scipy.stats

ROOT = pathlib.Path(__file__).parent.parent
FLAGS = ROOT / "flags" / "planted"
METHODS = ("target-alone", "none", "gcs", "bip", "oracle")
WORLD = "planted(users=4000,seed={})"


def run(out: pathlib.Path, name: str, seed: int) -> dict:
    """What `metrics.json` of a run holds, which is made unless it is there."""
    folder = out / f"{name}-seed{seed}"
    if not (folder / "metrics.json").is_file():
        command = [sys.executable, "-m", "tfxdr.main"]
        command += [f"--flagfile={FLAGS / name}.flags", f"--seed={seed}"]
        command += [f"--dataset={WORLD.format(seed)}", f"--run={folder}"]
        command += [f"--cache_dir={out / 'cache'}"]
        if (folder / "options.flags").is_file():
            command += ["--resume"]
        print(folder, flush=True)
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return json.loads((folder / "metrics.json").read_text())


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument(
        "--out", type=pathlib.Path, default=pathlib.Path("runs/bip")
    )
    parser.add_argument("--seeds", type=int, default=5)
    chosen = parser.parse_args()
    found: dict[str, list[dict]] = {name: [] for name in METHODS}
    for seed in range(chosen.seeds):
        for name in METHODS:
            found[name].append(run(chosen.out, name, seed))
    print("| | AUC | log loss | seconds an epoch |\n|---|---:|---:|---:|")
    for name, results in found.items():
        seconds = [
            r["validation"]["seconds"] / r["validation"]["epochs"]
            for r in results
        ]
        cells = [
            spread([r["test"][key] for r in results])
            for key in ("auc", "log_loss")
        ]
        print(f"| {name} | {' | '.join(cells)} | {np.mean(seconds):.1f} |")
    weights = [result["behaviors"]["auc"] for result in found["bip"]]
    print(f"\nweights against what was planted: AUC {spread(weights)}")
    best = [result["test"]["auc"] for result in found["bip"]]
    for name in METHODS:
        if name == "bip":
            continue
        other = [result["test"]["auc"] for result in found[name]]
        test = scipy.stats.ttest_rel(best, other)
        print(
            f"bip over {name}: t = {test.statistic:.2f}, p = {test.pvalue:.2g}"
        )


def spread(values: list[float]) -> str:
    """Mean and standard deviation."""
    return f"{np.mean(values):.4f} ± {np.std(values, ddof=1):.4f}"


if __name__ == "__main__":
    main()
