"""Prepares 25 million generated ratings and prints time and peak memory.

The file has the shape of MovieLens 25M: `ratings.csv` with 162,541 users,
59,047 movies, half-star ratings, Unix times; movies by a Zipf law, ratings per
user between 20 and some thousands by a log-normal law.

    python benchmarks/prepare_25m.py [--ratings=25000095] [--folder=FOLDER]
        [--source=movielens|events] [--engine=duckdb|spark]

With `--source=events` either engine reads the file itself; the memory of all
processes together is printed, Spark's Java and its workers among them.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

_USERS = 162_541
_MOVIES = 59_047
_RATINGS = 25_000_095
_MIN_PER_USER = 20
# Shares of 0.5, 1, ... 5 stars, roughly those of the real file.
_STARS = (0.016, 0.031, 0.016, 0.066, 0.051, 0.196, 0.127, 0.266, 0.088, 0.143)
_START, _STOP = 789_652_009, 1_574_327_703
_CHUNK_USERS = 4096

_GIB = 1 << 30
_TARGET_SECONDS, _TARGET_BYTES = 90, 4 * _GIB


def generate(path: Path, num_ratings: int, seed: int = 0) -> int:
    """Writes the file; returns the number of ratings."""
    rng = np.random.default_rng(seed)
    per_user = _ratings_per_user(rng, num_ratings)
    edges = np.cumsum(np.arange(1, _MOVIES + 1) ** -0.9)
    edges /= edges[-1]
    movie_ids = rng.permutation(4 * _MOVIES)[:_MOVIES] + 1
    written = 0
    with open(path, "wb") as file:
        file.write(b"userId,movieId,rating,timestamp\n")
        for first in range(0, _USERS, _CHUNK_USERS):
            counts = per_user[first : first + _CHUNK_USERS]
            users = np.repeat(np.arange(first, first + len(counts)), counts) + 1
            written += _write_chunk(file, rng, users, edges, movie_ids)
    return written


def _ratings_per_user(rng: np.random.Generator, total: int) -> np.ndarray:
    drawn = np.exp(rng.normal(0, 1.2, _USERS))
    least = min(_MIN_PER_USER, total // _USERS)
    extra = drawn / drawn.sum() * (total - least * _USERS)
    counts = least + extra.astype(np.int64)
    counts[: total - counts.sum()] += 1
    return counts


def _write_chunk(file, rng, users, edges, movie_ids) -> int:
    """One chunk of users: distinct movies each, in the file's (user, movie)
    order, times within a few weeks of a user."""
    movies = movie_ids[np.searchsorted(edges, rng.random(len(users)))]
    # A user rates a movie once; the few repeats are drawn anew, uniformly.
    for _ in range(8):
        order = np.lexsort((movies, users))
        users, movies = users[order], movies[order]
        again = np.zeros(len(users), bool)
        again[1:] = (users[1:] == users[:-1]) & (movies[1:] == movies[:-1])
        if not again.any():
            break
        movies[again] = movie_ids[rng.integers(0, _MOVIES, again.sum())]
    stars = np.searchsorted(np.cumsum(_STARS)[:-1], rng.random(len(users)))
    begin = rng.integers(_START, _STOP - 40 * 86_400, users[-1] + 1)[users]
    times = begin + rng.integers(0, 40 * 86_400, len(users))
    ratings = np.array([f"{star / 2:.1f}" for star in range(1, 11)])[stars]
    columns = (users, movies, ratings, times)
    lines = zip(*(column.tolist() for column in columns), strict=True)
    file.write(
        "".join(
            f"{user},{movie},{rating},{time}\n"
            for user, movie, rating, time in lines
        ).encode()
    )
    return len(users)


class _Stages:
    """Prints seconds and memory at each stage that `prepare` reports."""

    def __init__(self):
        self.began = self.last = time.perf_counter()
        self.name = "hashing the input"

    def __call__(self, line: str) -> None:
        now = time.perf_counter()
        resident = _resident() / _GIB
        print(
            f"{now - self.last:7.1f} s  {self.name} "
            f"({resident:.2f} GiB at its end)"
        )
        self.last, self.name = now, line

    def total(self) -> float:
        return time.perf_counter() - self.began


def _resident() -> int:
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def _source(name: str, folder: Path):
    from tfxdr.datasets.events import Events
    from tfxdr.datasets.movielens import MovieLens

    if name == "movielens":
        return MovieLens(str(folder))
    path = str(folder / "ratings.csv")
    columns = {"user": "userId", "item": "movieId", "rating": "rating"}
    return Events(path, path, **columns, source_max=3.5, target_min=4.5)


def _measure(folder: Path, source: str, engine: str) -> None:
    """In a process of its own, so that generating does not count."""
    from tfxdr.data.prepare import prepare
    from tfxdr.data.summary import table1

    stages = _Stages()
    prepared = prepare(
        _source(source, folder),
        cache_dir=folder / "cache",
        engine=engine,
        report=stages,
    )
    stages("done")
    seconds = stages.total()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    print(table1(prepared.manifest))
    print(
        f"prepared in {seconds:.1f} s (target {_TARGET_SECONDS}), "
        f"peak memory {peak / _GIB:.2f} GiB (target "
        f"{_TARGET_BYTES / _GIB:.0f}), on {os.cpu_count()} cores"
    )
    began = time.perf_counter()
    users = prepared.users()
    print(f"{len(users):,} users loaded in {time.perf_counter() - began:.1f} s")
    print(f"fingerprint {prepared.fingerprint}")
    if engine != "duckdb":
        return  # The targets are those of one process.
    if seconds > _TARGET_SECONDS or peak > _TARGET_BYTES:
        sys.exit("MISSED: time or memory is above its target")


class _Tree:
    """What a process and all below it take, looked at each second.

    Attributes:
      peak: The most memory at a time; shared pages count once (Pss).
      ticks: Process to its processor time until now, or until it ended.
    """

    def __init__(self, process: subprocess.Popen):
        self.process = process
        self.peak = 0
        self.ticks: dict[int, int] = {}

    @property
    def seconds(self) -> float:
        return sum(self.ticks.values()) / os.sysconf("SC_CLK_TCK")

    def watch(self) -> int:
        """Until it ends; returns its exit code."""
        while self.process.poll() is None:
            known = {self.process.pid}
            for pid, parent, ticks in sorted(_processes()):
                if parent in known:
                    known.add(pid)
                if pid in known:
                    self.ticks[pid] = ticks
            self.peak = max(self.peak, sum(map(_shared_out, known)))
            time.sleep(1)
        return self.process.returncode


def _processes() -> Iterator[tuple[int, int, int]]:
    """(process, the one that started it, its processor time in ticks)."""
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
            yield int(folder.name), int(fields[1]), sum(map(int, fields[11:13]))


def _shared_out(pid: int) -> int:
    with contextlib.suppress(OSError):
        text = Path(f"/proc/{pid}/smaps_rollup").read_text()
        return int(text.partition("\nPss:")[2].split()[0]) << 10
    return 0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--ratings", type=int, default=_RATINGS)
    parser.add_argument("--folder", default=None, help="keep the files here")
    parser.add_argument(
        "--source", default="movielens", choices=("movielens", "events")
    )
    parser.add_argument(
        "--engine", default="duckdb", choices=("duckdb", "spark")
    )
    parser.add_argument("--measure", default=None, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.measure:
        _measure(Path(arguments.measure), arguments.source, arguments.engine)
        return
    with tempfile.TemporaryDirectory(dir=arguments.folder) as temporary:
        folder = Path(temporary)
        began = time.perf_counter()
        path = folder / "ratings.csv"
        written = generate(path, arguments.ratings)
        print(
            f"generated {written:,} ratings, "
            f"{path.stat().st_size / 1e6:,.0f} MB, in "
            f"{time.perf_counter() - began:.0f} s"
        )
        command = [sys.executable, __file__, "--measure", temporary]
        command += [f"--source={arguments.source}"]
        command += [f"--engine={arguments.engine}"]
        root = str(Path(__file__).resolve().parents[1])
        environment = os.environ | {"PYTHONPATH": root}
        tree = _Tree(subprocess.Popen(command, env=environment))
        code = tree.watch()
        print(
            f"all processes together: peak memory {tree.peak / _GIB:.2f} GiB, "
            f"{tree.seconds:.0f} s of processor time"
        )
    sys.exit(code)


if __name__ == "__main__":
    main()
