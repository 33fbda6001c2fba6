"""Recommendations for all users of a data set: users a second, and memory.

    python benchmarks/batch_recommend.py [--users=100000] [--items=10000]
        [--channels=64] [--k=10] [--policy=all] [--format=parquet]

NextItNet with 8 blocks, trained for one epoch on generated events: how long it
takes to answer does not depend on what was learned. The answers are written by
a process of its own, whose peak memory is that of the batch mode alone; the
same process then asks for a hundred users one by one, and compares. Five
minutes on two cores, most of them training.
"""

from __future__ import annotations

import argparse
import pathlib
import subprocess
import sys
import tempfile
import time

import duckdb

import tfxdr

DILATIONS = "[1,2,4,8,1,2,4,8,1,2,4,8,1,2,4,8]"  # the default's 8 blocks
ALONE = 100  # users who are asked for one by one


def train(chosen: argparse.Namespace, folder: pathlib.Path) -> pathlib.Path:
    """A finished run on generated events."""
    done = tfxdr.run(
        f"synthetic(users={chosen.users},source_items={chosen.items},"
        f"target_items={chosen.items})",
        backbone=f"nextitnet(channels={chosen.channels},dilations={DILATIONS})",
        policy=chosen.policy,
        pretrain_epochs=0,
        epochs=1,
        cache_dir=folder / "cache",
        run=folder / "run",
    )
    return done.folder


def answer(chosen: argparse.Namespace) -> None:
    """Writes the answers of a run, and prints what that took."""
    from tfxdr.training.cost import peak_bytes

    run = tfxdr.open_run(chosen.run)
    output = pathlib.Path(chosen.run) / f"answers.{chosen.format}"
    before = peak_bytes()
    start = time.monotonic()
    run.recommend(users="all", output=output, k=chosen.k)
    seconds = time.monotonic() - start
    print(
        f"{chosen.users:,} users, {chosen.items:,} items, k={chosen.k}, "
        f"--policy={chosen.policy}: {seconds:.1f} s, "
        f"{chosen.users / seconds:,.0f} users/s; peak "
        f"{peak_bytes() / 2**30:.2f} GiB, of them {before / 2**30:.2f} before; "
        f"{output.stat().st_size / 2**20:.1f} MiB of {chosen.format}"
    )
    _compare(run, output)


def _compare(run: tfxdr.FinishedRun, output: pathlib.Path) -> None:
    rows = duckdb.sql(
        f"SELECT \"user\", list(item ORDER BY rank) FROM '{output}' "
        f'GROUP BY "user" ORDER BY "user" LIMIT {ALONE}'
    ).fetchall()
    start = time.monotonic()
    alone = {user: run.recommend(user=user, k=len(i)) for user, i in rows}
    seconds = time.monotonic() - start
    equal = sum([one.item for one in alone[user]] == i for user, i in rows)
    print(
        f"one by one: {len(rows) / seconds:,.1f} users/s; {equal} of "
        f"{len(rows)} lists are the same"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--users", type=int, default=100_000)
    parser.add_argument("--items", type=int, default=10_000)
    parser.add_argument("--channels", type=int, default=64)
    parser.add_argument("--k", type=int, default=10)
    parser.add_argument("--policy", default="all")
    parser.add_argument("--format", default="parquet")
    parser.add_argument("--run", default="", help="of an earlier training")
    chosen = parser.parse_args()
    if chosen.run:
        answer(chosen)
        return
    with tempfile.TemporaryDirectory() as name:
        folder = train(chosen, pathlib.Path(name))
        again = [sys.executable, __file__, *sys.argv[1:], f"--run={folder}"]
        subprocess.run(again, check=True)


if __name__ == "__main__":
    main()
