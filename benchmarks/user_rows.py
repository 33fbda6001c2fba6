"""Users as rows against one instance per row, on MovieLens-1M.

A row of fine-tuning is a user with up to 32 target items, so that the user's
history is encoded once for all of them. This compares it with rows of a
single instance: the same code with `--targets_per_user=1`, the same weights
to start from, data, loss and learning rate; both train until their validation
metric no longer rises. For each seed both are trained one after the other.

    python benchmarks/user_rows.py --data=ml-1m [--seeds=3]

Prints quality on the test split, seconds per epoch and until the best epoch,
and their ratios. About 25 minutes on two cores.
"""

from __future__ import annotations

import argparse
import os
import pathlib
import tempfile

import numpy as np

from tfxdr import options as option_module
from tfxdr.modes import make_experiment
from tfxdr.policies.static import All
from tfxdr.training.cost import peak_bytes
from tfxdr.training.fit import fit

FLAGS = (
    "--dataset=movielens",
    "--backbone=nextitnet(channels=32,dilations=[1,2,4,8])",
    "--pretrain_batch_size=64",
    "--head_start=random",
    "--loss=bpr",
    "--learning_rate=0.001",
    "--epochs=40",
    "--patience=4",
    "--eval_negatives=99",
    "--monitor=ndcg@5/uni99",
)
# Rows hold 20 instances on average here: 64 of them are 1,280 instances.
VARIANTS = {
    "users": ("--targets_per_user=32", "--batch_size=64"),
    "instances": ("--targets_per_user=1", "--batch_size=256"),
}
KEYS = ("hr@5", "mrr@5", "hr@5/uni99", "mrr@5/uni99")


def train(flags: tuple[str, ...], folder: pathlib.Path) -> dict[str, float]:
    """One fine-tuning; test metrics and times."""
    experiment = make_experiment(
        option_module.parse(["user_rows", *FLAGS, *flags])
    )
    pretrained = experiment.pretrain(folder / "pretrain", resume=False)
    stage = experiment.stage(All(), pretrained)
    best = fit(
        stage,
        optimizer=experiment.optimizer_settings(),
        settings=experiment.loop_settings(),
        run_folder=folder / "finetune",
        resume=False,
        progress=experiment.progress,
    )
    test = experiment.task.test(stage.scores, None)
    epoch = best["seconds"] / best["epochs"]
    return {key: test[key] for key in KEYS} | {
        "seconds per epoch": epoch,
        "best epoch": best["best_epoch"],
        "seconds to best": epoch * best["best_epoch"],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    default = os.environ.get("TFXDR_DATA", "../shared/data")
    parser.add_argument("--data", default=f"{default}/ml-1m")
    parser.add_argument("--seeds", type=int, default=3)
    chosen = parser.parse_args()
    results: dict[str, list[dict[str, float]]] = {v: [] for v in VARIANTS}
    with tempfile.TemporaryDirectory() as name:
        root = pathlib.Path(name)
        for seed in range(chosen.seeds):
            for variant, flags in VARIANTS.items():
                common = (
                    f"--data_path={chosen.data}",
                    f"--cache_dir={root / 'cache'}",
                    f"--seed={seed}",
                )
                result = train(flags + common, root / f"{variant}{seed}")
                results[variant].append(result)
                print(f"seed {seed} {variant}: {result}", flush=True)
    report(results)
    print(f"peak memory of the process: {peak_bytes() / 2**20:.0f} MiB")


def report(results: dict[str, list[dict[str, float]]]) -> None:
    """Mean and deviation over seeds, and the ratio seed by seed."""
    print(f"{'':20}{'users':>20}{'instances':>20}{'ratio':>10}")
    for key in results["users"][0]:
        users, instances = (
            np.array([result[key] for result in results[variant]])
            for variant in VARIANTS
        )
        cells = [
            f"{x.mean():.4f} ± {x.std(ddof=1) if len(x) > 1 else 0:.4f}"
            for x in (users, instances)
        ]
        ratio = np.median(users / instances)
        print(f"{key:20}{cells[0]:>20}{cells[1]:>20}{ratio:>10.3f}")


if __name__ == "__main__":
    main()
