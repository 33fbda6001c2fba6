"""Does BIP find the harmful source behaviors that were planted?

    python benchmarks/bip_planted.py [--out=runs/bip] [--seeds=5]

`flags/planted-bip.flags` with each seed, of data and model, and a model of the
target domain alone. Prints test AUC and log loss of the target domain, the AUC
of behavior weights against what was planted, and paired t-tests over seeds. A
run that is there already is not repeated. Ten minutes a seed on two cores.
"""

from __future__ import annotations

import argparse
import json
import pathlib
import subprocess
import sys

import numpy as np
import scipy.stats

from tfxdr.data.prepared import PreparedData
from tfxdr.datasets.planted import is_harmful
from tfxdr.evaluation import BehaviorWeights
from tfxdr.types import FIRST_ITEM

ROOT = pathlib.Path(__file__).parent.parent
FLAGS = ROOT / "flags" / "planted-bip.flags"
BIP = "bip(optimizer=adam,learning_rate=0.02,alpha=0.1,bound=1.5)"
WORLD = "planted(users=4000,seed={})"
ALL_ROWS = "--meta_fraction=0"  # to train on, where no meta set is needed
METHODS = {
    "target alone": (
        "--backbone=conet(only_target=true,embedding_size=1,hidden=[64,32])",
        "--meta=none",
        ALL_ROWS,
    ),
    "none": ("--meta=none", ALL_ROWS),
    "gcs": ("--meta=gcs", ALL_ROWS),
    "bip": (f"--meta={BIP}",),
}


def run(out: pathlib.Path, name: str, seed: int) -> pathlib.Path:
    """The folder of a run, made unless it is there."""
    folder = out / f"{name.replace(' ', '-')}-seed{seed}"
    if (folder / "metrics.json").is_file():
        return folder
    command = [sys.executable, "-m", "tfxdr.main", f"--flagfile={FLAGS}"]
    command += [*METHODS[name], f"--dataset={WORLD.format(seed)}"]
    command += [f"--seed={seed}", f"--run={folder}"]
    command += [f"--cache_dir={out / 'cache'}"]
    command += ["--resume"] if (folder / "options.flags").is_file() else []
    print(folder, flush=True)
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    return folder


def planted_auc(folder: pathlib.Path, cache: pathlib.Path) -> float:
    """Of the weights against what is not harmful."""
    weights = BehaviorWeights.load(folder / "behavior_weights.npz")
    fingerprint = json.loads((folder / "metrics.json").read_text())["data"][
        "fingerprint"
    ]
    for data in map(PreparedData.load, cache.glob("data/planted-*")):
        if data.fingerprint == fingerprint:
            names = data.source_categories[weights.item - FIRST_ITEM]
            return weights.auc_against(
                np.array([not is_harmful(n) for n in names])
            )
    raise FileNotFoundError(f"{cache} does not hold the data of {folder}")


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
    weights = []
    for seed in range(chosen.seeds):
        for name in METHODS:
            folder = run(chosen.out, name, seed)
            result = json.loads((folder / "metrics.json").read_text())
            found[name].append(result)
            if name == "bip":
                weights.append(planted_auc(folder, chosen.out / "cache"))
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
    print(f"\nweights against what was planted: AUC {spread(weights)}")
    best = [result["test"]["auc"] for result in found["bip"]]
    for name in ("target alone", "none", "gcs"):
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
