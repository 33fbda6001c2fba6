"""The rows of UAF's Tables 2, 4, 6 and 9 at the size of a small machine.

    python benchmarks/uaf_tables.py --data=FOLDER [--out=runs/uaf] [--seeds=2]
        [--only=movielens,kitchen] [--rows=all,gumbel] [--tables]

`--data` holds the folders `ml-1m` and `amazon-food-kitchen`. Every row is one
run of the program with each seed; a run that is there already is not repeated,
one that was stopped goes on. `--tables` only prints what is there. Prints mean
and standard deviation over seeds as Markdown, the paper's figures beside them,
and draws the rates of tuned blocks into `utilization.png`. Hours on two cores.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import pathlib
import subprocess
import sys

import numpy as np

from tfxdr.report.figures import save_figure
from tfxdr.report.policies import utilization_heatmap

ROOT = pathlib.Path(__file__).parent.parent
# A head alone on frozen vectors overfits at the rate of the others.
FROZEN = ("--learning_rate=0.0003",)
PETERREC = ("--policy=all", "--tuner=adapter-serial")
# From random weights under two losses it stays at popularity's level for more
# epochs than the others' patience allows; not so on Amazon.
PATIENT = {"MTL": "--patience=20"}
# With the default of 1 nearly nobody's blocks stay tuned (BUILD_NOTES.md).
RL = ("--policy=rl-scst(gamma=10)",)


@dataclasses.dataclass(frozen=True)
class Row:
    """One method.

    Attributes:
      name: as the paper calls it.
      flags: what makes it.
      paper: its figures in the paper's columns, as the study names them.
    """

    name: str
    flags: tuple[str, ...]
    paper: tuple[float, ...] = ()


@dataclasses.dataclass(frozen=True)
class Study:
    """One table.

    Attributes:
      title: heads it.
      flags: of all its rows.
      metrics: keys of the test metrics, and their titles.
      paper: titles of the paper's columns.
      rows: the methods.
    """

    title: str
    flags: tuple[str, ...]
    metrics: dict[str, str]
    paper: tuple[str, ...]
    rows: tuple[Row, ...]


RANKING = {
    "hr@5/uni99": "HR@5 uni99",
    "mrr@5/uni99": "MRR@5 uni99",
    "hr@5": "HR@5 full",
    "mrr@5": "MRR@5 full",
}
# Table 2 and 4, MovieLens (25M there): HR@5 and MRR@5.
ALL_DATA = (
    Row("Finetune-Zero", ("--policy=zero",), (0.8427, 0.6050)),
    Row("Finetune-CLS", ("--policy=cls", *FROZEN), (0.8862, 0.6645)),
    Row("Finetune-Last2", ("--policy=last-2", *FROZEN), (0.8933, 0.6783)),
    Row("Finetune-All", ("--policy=all",), (0.8993, 0.6910)),
    Row("MTL", ("--policy=mtl",), (0.8919, 0.6783)),
    Row("PeterRec", PETERREC, (0.8966, 0.6884)),
    Row("UAF-Random", ("--policy=random",), (0.9008, 0.6905)),
    Row("UAF-Gumbel", ("--policy=gumbel",), (0.9053, 0.6942)),
    Row("UAF-RL", RL, (0.9075, 0.6959)),
    Row("UAF-Soft", ("--policy=soft",), (0.9041, 0.6936)),
)
# Table 6, ColdRec-1: HR@5 and MRR@5.
LIMITED = (
    Row("Finetune-Zero", ("--policy=zero",), (0.2970, 0.1624)),
    Row("Finetune-All", ("--policy=all",), (0.3366, 0.1857)),
    Row("PeterRec", PETERREC, (0.3562, 0.1999)),
    Row("UAF-Gumbel", ("--policy=gumbel",), (0.3714, 0.2120)),
    Row("UAF-RL", RL, (0.3721, 0.2125)),
    Row("UAF-Soft", ("--policy=soft",), (0.3704, 0.2108)),
)
# Table 9, GenEst: accuracy and F1.
PROFILE = (
    Row("Finetune-All", ("--policy=all",), (0.9042, 0.8205)),
    Row("PeterRec", PETERREC, (0.9040, 0.8184)),
    Row("UAF-Gumbel", ("--policy=gumbel",), (0.9051, 0.8220)),
    Row("UAF-Soft", ("--policy=soft",), (0.9048, 0.8215)),
)


def studies(data: pathlib.Path) -> dict[str, Study]:
    """All tables, by name."""
    flags = ROOT / "flags"
    movies = (
        f"--flagfile={flags / 'movielens-1m-uaf.flags'}",
        f"--data_path={data / 'ml-1m'}",
    )
    amazon = data / "amazon-food-kitchen"
    kitchen = (
        f"--flagfile={flags / 'amazon-food-kitchen.flags'}",
        f"--dataset=events(source='{amazon / 'food.csv.gz'}',"
        f"target='{amazon / 'kitchen.csv.gz'}')",
    )
    tenth = ("--train_fraction=0.1",)
    profile = (
        "--task=profile",
        "--attribute=gender",
        "--monitor=",
        "--eval_negatives=0",
    )
    table2 = ("paper HR@5", "paper MRR@5")
    return {
        "movielens": Study(
            "MovieLens-1M (paper: MovieLens-25M)",
            movies,
            RANKING,
            table2,
            _patient(ALL_DATA),
        ),
        "kitchen": Study(
            "Amazon, food to kitchen", kitchen, RANKING, (), _no_paper(ALL_DATA)
        ),
        "movielens-10": Study(
            "MovieLens-1M, 10% of the training data (paper: ColdRec-1)",
            (*movies, *tenth),
            RANKING,
            table2,
            LIMITED,
        ),
        "kitchen-10": Study(
            "Amazon, food to kitchen, 10% of the training data",
            (*kitchen, *tenth),
            RANKING,
            (),
            _no_paper(LIMITED),
        ),
        "gender": Study(
            "MovieLens-1M, gender (paper: GenEst)",
            (*movies, *profile),
            {"accuracy": "accuracy", "macro_f1": "macro F1"},
            ("paper accuracy", "paper F1"),
            PROFILE,
        ),
    }


def _patient(rows: tuple[Row, ...]) -> tuple[Row, ...]:
    return tuple(
        dataclasses.replace(row, flags=(*row.flags, PATIENT[row.name]))
        if row.name in PATIENT
        else row
        for row in rows
    )


def _no_paper(rows: tuple[Row, ...]) -> tuple[Row, ...]:
    return tuple(dataclasses.replace(row, paper=()) for row in rows)


def folder(out: pathlib.Path, study: str, row: Row, seed: int) -> pathlib.Path:
    """Where a run lies."""
    return out / study / f"{row.name}-seed{seed}"


def run(study: Study, row: Row, seed: int, path: pathlib.Path) -> None:
    """One run, unless it is there."""
    if (path / "metrics.json").is_file():
        return
    command = [sys.executable, "-m", "tfxdr.main", *study.flags, *row.flags]
    command += [f"--seed={seed}", f"--run={path}"]
    command += ["--resume"] if (path / "options.flags").is_file() else []
    print(f"{path}: {' '.join(row.flags)}", flush=True)
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)


def table(name: str, study: Study, out: pathlib.Path, seeds: int) -> str:
    """Markdown; rows without a run are left out."""
    extra = ["tuned", "variance", "best epoch", "s/epoch"]
    titles = ["", *study.metrics.values(), *study.paper, *extra]
    lines = [titles, ["---", *["---:"] * (len(titles) - 1)]]
    for row in study.rows:
        results = [
            json.loads(path.read_text())
            for seed in range(seeds)
            if (path := folder(out, name, row, seed) / "metrics.json").is_file()
        ]
        if results:
            lines.append([row.name, *_cells(study, row, results)])
    text = "".join(f"| {' | '.join(line)} |\n" for line in lines)
    return f"{study.title}\n\n{text}"


def _cells(study: Study, row: Row, results: list[dict]) -> list[str]:
    cells = [
        _mean([result["test"][key] for result in results], 4)
        for key in study.metrics
    ]
    cells += [f"{value:.4f}" for value in row.paper]
    for key in ("mean", "variance"):
        known = [r["actions"][key] for r in results if "actions" in r]
        cells.append(_mean(known, 2 if key == "mean" else 3))
    validation = [result["validation"] for result in results]
    cells.append(_mean([v["best_epoch"] for v in validation], 0))
    cells.append(_mean([v["seconds"] / v["epochs"] for v in validation], 1))
    return cells


def draw(known: dict[str, Study], out: pathlib.Path, seeds: int) -> None:
    """The rate of tuned blocks of every two-tower run (the paper's Fig. 3)."""
    rates: dict[str, np.ndarray] = {}
    for name, study in known.items():
        for row in study.rows:
            paths = [folder(out, name, row, seed) for seed in range(seeds)]
            found = [
                json.loads((path / "metrics.json").read_text())
                for path in paths
                if (path / "actions.npz").is_file()
            ]
            if found:
                every = [result["actions"]["rates"] for result in found]
                rates[f"{name}: {row.name}"] = np.mean(every, axis=0)
    if rates:
        save_figure(utilization_heatmap(rates), out / "utilization.png")


def _mean(values: list[float], digits: int) -> str:
    if not values:
        return ""
    mean = f"{np.mean(values):.{digits}f}"
    if len(values) < 2:
        return mean
    return f"{mean} ± {np.std(values, ddof=1):.{digits}f}"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--data", type=pathlib.Path, required=True)
    parser.add_argument(
        "--out", type=pathlib.Path, default=pathlib.Path("runs/uaf")
    )
    parser.add_argument("--seeds", type=int, default=2)
    parser.add_argument("--only", default="")
    parser.add_argument("--rows", default="")
    parser.add_argument("--tables", action="store_true")
    chosen = parser.parse_args()
    known = studies(chosen.data.resolve())
    names = chosen.only.split(",") if chosen.only else list(known)
    rows = chosen.rows.split(",") if chosen.rows else None
    for seed in range(0 if chosen.tables else chosen.seeds):
        for name in names:
            for row in known[name].rows:
                if rows is None or row.name in rows:
                    path = folder(chosen.out, name, row, seed)
                    run(known[name], row, seed, path)
    for name in names:
        print(table(name, known[name], chosen.out, chosen.seeds))
    draw({name: known[name] for name in names}, chosen.out, chosen.seeds)


if __name__ == "__main__":
    main()
