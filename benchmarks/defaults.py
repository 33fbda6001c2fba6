"""Which default options lose on no data set? A sweep from which they come.

    python benchmarks/defaults.py --data=../shared/data --runs=runs/defaults

Every candidate set of options on every data set, one run each, chosen by the
validation split and shown with the test. A run that is finished is not run
again, so that the sweep goes on where it stopped. Prints a table in Markdown:
the first metric of validation and test as a share of the better of popularity
and item-kNN.
"""

from __future__ import annotations

import argparse
import csv
import json
import subprocess
import sys
import time
from pathlib import Path

_AMAZON = "amazon2014"
DATA_SETS = {
    "ml-100k": ["--dataset=movielens", "--data_path={}/ml-100k"],
    "ml-1m": ["--dataset=movielens", "--data_path={}/ml-1m"],
    "food-kitchen": [
        "--dataset=events(source='{0}/amazon-food-kitchen/food.csv.gz',"
        "target='{0}/amazon-food-kitchen/kitchen.csv.gz')"
    ],
    "beauty-clothing": [
        f"--dataset=events(source='{{0}}/{_AMAZON}/Beauty.csv.gz',target="
        f"'{{0}}/{_AMAZON}/Clothing_Shoes_and_Jewelry.csv.gz')"
    ],
    "toys-beauty": [
        f"--dataset=events(source='{{0}}/{_AMAZON}/Toys_and_Games.csv.gz',"
        f"target='{{0}}/{_AMAZON}/Beauty.csv.gz')"
    ],
    "ciao-dvds-books": [
        "--dataset=events(source='{0}/ciao/rating_with_timestamp.csv.gz',"
        "target='{0}/ciao/rating_with_timestamp.csv.gz',domain=category,"
        "source_domain=1,target_domain=2,rating=rating,source_min=1,"
        "target_min=1)"
    ],
    "douban": [
        "--dataset=events(source='{0}/douban/book.csv.gz',"
        "target='{0}/douban/music.csv.gz',time='')"
    ],
    "sport-phone": [
        "--dataset=events(source='{0}/amazon-sport-phone/sport.csv.gz',"
        "target='{0}/amazon-sport-phone/phone.csv.gz',time='')"
    ],
}
_BLOCKS = {
    2: "nextitnet(channels=64,dilations=[1,2,4,8])",
    4: "nextitnet(channels=64,dilations=[1,2,4,8,1,2,4,8])",
}


def _candidate(blocks: int, **flags: str | float) -> list[str]:
    chosen = {
        "pretrain_batch_size": 64,
        "head_start": "random",
        "loss": "bpr",
        **flags,
    }
    return [
        f"--backbone={_BLOCKS[blocks]}",
        *(f"--{name}={value}" for name, value in chosen.items()),
    ]


_POPULAR = {"head_start": "popularity"}
_SOFTMAX = {**_POPULAR, "loss": "softmax"}
# The first is what was the default, but for its eight blocks of 128 channels.
CANDIDATES = {
    "bpr, random head, 1e-4": _candidate(2, learning_rate=1e-4),
    "bpr, random head, 1e-3": _candidate(2, learning_rate=1e-3),
    "bpr, 3e-4": _candidate(2, **_POPULAR, learning_rate=3e-4),
    "bpr, 1e-3": _candidate(2, **_POPULAR, learning_rate=1e-3),
    "softmax, 3e-4": _candidate(2, **_SOFTMAX, learning_rate=3e-4),
    "softmax, 1e-3": _candidate(2, **_SOFTMAX, learning_rate=1e-3),
    "softmax, random head, 1e-3": _candidate(
        2, loss="softmax", learning_rate=1e-3
    ),
    "softmax, 1e-3, by ndcg@10": _candidate(
        2, **_SOFTMAX, learning_rate=1e-3, monitor="ndcg@10"
    ),
    "softmax, 1e-3, batches of 256": _candidate(
        2, **_SOFTMAX, learning_rate=1e-3, pretrain_batch_size=256
    ),
    "softmax, 1e-3, 4 blocks": _candidate(4, **_SOFTMAX, learning_rate=1e-3),
}
_BASELINES = ("popularity", "item-knn")


def main() -> None:
    """Runs what is missing, and prints the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--runs", type=Path, default=Path("runs/defaults"))
    parser.add_argument("--only", nargs="*", default=list(DATA_SETS))
    parser.add_argument("--candidates", nargs="*", default=list(CANDIDATES))
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    for name in args.candidates:
        for data in args.only:
            folder = args.runs / data / _file_name(name)
            if not (folder / "metrics.json").is_file():
                _run(data, name, folder, args)
    _print_table(args)


def _run(data: str, name: str, folder: Path, args: argparse.Namespace) -> None:
    source = [text.format(args.data) for text in DATA_SETS[data]]
    command = [
        *(sys.executable, "-m", "tfxdr.main", *source, *CANDIDATES[name]),
        *(f"--run={folder}", f"--cache_dir={args.runs / 'cache'}"),
        *("--overwrite", f"--threads={args.threads}"),
    ]
    start = time.monotonic()
    log = args.runs / "log.txt"
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("a") as output:
        failed = subprocess.run(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=output
        ).returncode
    took = time.monotonic() - start
    print(f"{data}, {name}: {took:.0f} s{', FAILED' if failed else ''}")
    sys.stdout.flush()


def _print_table(args: argparse.Namespace) -> None:
    header = [*args.only]
    print(f"| validation, test | {' | '.join(header)} |")
    print("|---|" + "---:|" * len(header))
    for name in args.candidates:
        cells = [_cell(args.runs / data / _file_name(name)) for data in header]
        print(f"| {name} | {' | '.join(cells)} |")


def _cell(folder: Path) -> str:
    try:
        result = json.loads((folder / "metrics.json").read_text())
    except FileNotFoundError:
        return ""
    metric = result["protocol"]["monitor"]
    with (folder / "results.csv").open() as file:
        known = {
            row["policy"]: float(row[metric])
            for row in csv.DictReader(file)
            if row["policy"] in _BASELINES
        }
    value, test = result["validation"][metric], result["test"][metric]
    seconds = sum(stage["seconds"] for stage in result["cost"].values())
    epoch = f"{result['validation']['best_epoch']:.0f}"
    return (
        f"{value:.4f} {test:.4f} = {test / max(known.values()):.2f}x "
        f"({epoch} of {result['validation']['epochs']:.0f}, {seconds:.0f} s)"
    )


def _file_name(name: str) -> str:
    return name.replace(", ", "_").replace(" ", "-")


if __name__ == "__main__":
    main()
