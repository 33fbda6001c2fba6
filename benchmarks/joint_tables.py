"""Joint models on Ciao, with and without BIP.

    python benchmarks/joint_tables.py --data=FOLDER [--out=runs/joint]
        [--seeds=3] [--only=books,music] [--tables]

`--data` holds Ciao's `rating_with_timestamp.csv.gz`. Every row is one run of
`flags/ciao-dvds-books.flags` with each seed; a run that is there already is not
repeated. `--tables` only prints what is there: AUC and log loss of the target
domain, the source's AUC, and the time of an epoch, as Markdown.
"""

from __future__ import annotations

import argparse
import json
import pathlib
import subprocess
import sys

import numpy as np

ROOT = pathlib.Path(__file__).parent.parent
FLAGS = ROOT / "flags" / "ciao-dvds-books.flags"
TARGETS = {"books": 2, "music": 4}
BIP = "bip(optimizer=adam,learning_rate=0.02,alpha=0.1)"
ROWS = {
    "CoNet-S": ("conet(only_target=true)", "none"),
    "CoNet": ("conet", "none"),
    "SCoNet": ("conet(sparse=0.0001)", "none"),
    "DDTCDR": ("ddtcdr", "none"),
    "MTL": ("mtl", "none"),
    "CoNet+BIP": ("conet", BIP),
    "DDTCDR+BIP": ("ddtcdr", BIP),
    "MTL+BIP": ("mtl", BIP),
}
METRICS = ("auc", "log_loss", "source_auc")


def dataset(file: pathlib.Path, target: int) -> str:
    """Ciao's DVDs, and another of its categories."""
    return (
        f"events(source='{file}',target='{file}',domain=category,"
        f"source_domain=1,target_domain={target},rating=rating,"
        "source_min=1,target_min=1)"
    )


def run(file: pathlib.Path, out: pathlib.Path, target: str, seed: int) -> None:
    """All rows of one target domain and seed, unless they are there."""
    for name, (backbone, meta) in ROWS.items():
        path = folder(out, target, name, seed)
        if (path / "metrics.json").is_file():
            continue
        print(path, flush=True)
        command = [sys.executable, "-m", "tfxdr.main", f"--flagfile={FLAGS}"]
        command += [
            f"--dataset={dataset(file, TARGETS[target])}",
            f"--backbone={backbone}",
        ]
        command += [f"--meta={meta}", f"--seed={seed}", f"--run={path}"]
        command += [f"--cache_dir={out / 'cache'}"]
        if (path / "options.flags").is_file():
            command.append("--resume")
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def folder(out: pathlib.Path, target: str, name: str, seed: int):
    """Where a run lies."""
    return out / target / f"{name}-seed{seed}"


def table(out: pathlib.Path, target: str, seeds: int) -> str:
    """Markdown; rows without a run are left out."""
    lines = [f"DVDs to {target}", ""]
    lines += ["| | AUC | log loss | source AUC | epochs (best) | s/epoch |"]
    lines += ["|---|---:|---:|---:|---:|---:|"]
    for name in ROWS:
        results = [
            json.loads(path.read_text())
            for seed in range(seeds)
            if (
                path := folder(out, target, name, seed) / "metrics.json"
            ).is_file()
        ]
        if results:
            lines.append(f"| {name} | {' | '.join(_cells(results))} |")
    return "\n".join(lines) + "\n"


def _cells(results: list[dict]) -> list[str]:
    cells = []
    for key in METRICS:
        values = [r["test"][key] for r in results if key in r["test"]]
        cells.append(_spread(values) if values else "")
    validation = [result["validation"] for result in results]
    epochs, best = (
        np.mean([v[key] for v in validation])
        for key in ("epochs", "best_epoch")
    )
    seconds = np.mean([v["seconds"] / v["epochs"] for v in validation])
    return [*cells, f"{epochs:.0f} ({best:.0f})", f"{seconds:.2f}"]


def _spread(values: list[float]) -> str:
    mean = f"{np.mean(values):.4f}"
    if len(values) < 2:
        return mean
    return f"{mean} ± {np.std(values, ddof=1):.4f}"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--data", type=pathlib.Path, required=True)
    parser.add_argument(
        "--out", type=pathlib.Path, default=pathlib.Path("runs/joint")
    )
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--only", default=",".join(TARGETS))
    parser.add_argument("--tables", action="store_true")
    chosen = parser.parse_args()
    file = chosen.data.resolve() / "rating_with_timestamp.csv.gz"
    for target in chosen.only.split(","):
        for seed in range(0 if chosen.tables else chosen.seeds):
            run(file, chosen.out, target, seed)
        print(table(chosen.out, target, chosen.seeds))


if __name__ == "__main__":
    main()
