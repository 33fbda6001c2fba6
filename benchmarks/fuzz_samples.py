"""Small valid inputs of every kind that is prepared, for `fuzz`."""

from __future__ import annotations

import gzip
import json
import pathlib
import random
import sqlite3
from collections.abc import Callable

import duckdb

ROWS = 40

# Writes a valid input into a folder; gives the files to spoil, and the text
# that names the data set.
Sample = Callable[[pathlib.Path], tuple[list[pathlib.Path], str]]


def _events(draw: random.Random, items: str) -> list[tuple[str, str, int]]:
    users = [f"u{number}" for number in range(8)]
    return [
        (draw.choice(users), draw.choice(items), 1_700_000_000 + row)
        for row in range(ROWS)
    ]


def _both(ending: str, write: Callable) -> Sample:
    """Two tables of events, each written alike."""

    def sample(folder: pathlib.Path) -> tuple[list[pathlib.Path], str]:
        draw, files = random.Random(1), []
        for name, items in (("source", "abcdef"), ("target", "uvwxyz")):
            files.append(folder / f"{name}.{ending}")
            write(files[-1], _events(draw, items))
        first, second = map(str, files)
        return files, f"events(source={first!r},target={second!r})"

    return sample


def _delimited(separator: str, opener: Callable = open) -> Callable:
    def write(path: pathlib.Path, rows: list) -> None:
        lines = [("user", "item", "timestamp"), *rows]
        with opener(path, "wt") as file:
            for line in lines:
                file.write(separator.join(map(str, line)) + "\n")

    return write


def _json_lines(path: pathlib.Path, rows: list) -> None:
    names = ("user", "item", "timestamp")
    lines = [json.dumps(dict(zip(names, row, strict=True))) for row in rows]
    path.write_text("\n".join(lines) + "\n")


def _parquet(path: pathlib.Path, rows: list) -> None:
    with duckdb.connect() as connection:
        connection.execute(
            'CREATE TABLE t ("user" TEXT, item TEXT, "timestamp" BIGINT)'
        )
        connection.executemany("INSERT INTO t VALUES (?, ?, ?)", rows)
        connection.execute(f"COPY t TO '{path}' (FORMAT parquet)")


def _sqlite(folder: pathlib.Path) -> tuple[list[pathlib.Path], str]:
    path, draw = folder / "both.sqlite", random.Random(1)
    with sqlite3.connect(path) as connection:
        for name, items in (("s", "abcdef"), ("t", "uvwxyz")):
            connection.execute(
                f'CREATE TABLE {name} ("user" TEXT, item TEXT, timestamp INT)'
            )
            rows = _events(draw, items)
            connection.executemany(f"INSERT INTO {name} VALUES (?,?,?)", rows)
    connection.close()
    return [path], f"events(source=s,target=t,database={str(path)!r})"


def _movielens(folder: pathlib.Path) -> tuple[list[pathlib.Path], str]:
    draw = random.Random(1)
    ratings = [
        f"{draw.randint(1, 6)}::{draw.randint(1, 9)}::"
        f"{draw.choice([1, 2, 5])}::{978_300_000 + row}"
        for row in range(ROWS)
    ]
    movies = [f"{n}::Film {n} (1999)::Drama|War" for n in range(1, 10)]
    users = [f"{n}::F::25::10::48067" for n in range(1, 7)]
    files = []
    for name, lines in (
        ("ratings", ratings),
        ("movies", movies),
        ("users", users),
    ):
        files.append(folder / f"{name}.dat")
        files[-1].write_text("\n".join(lines) + "\n", encoding="latin-1")
    return files, f"movielens(path={str(folder)!r})"


def _amazon(folder: pathlib.Path) -> tuple[list[pathlib.Path], str]:
    draw, files = random.Random(1), []
    for name, items in (("source", "abcdef"), ("target", "uvwxyz")):
        files.append(folder / f"{name}.json")
        lines = [
            json.dumps(
                {
                    "reviewerID": user,
                    "asin": item,
                    "overall": 5.0,
                    "unixReviewTime": time,
                }
            )
            for user, item, time in _events(draw, items)
        ]
        files[-1].write_text("\n".join(lines) + "\n")
    meta = folder / "meta.json"
    lines = [f"{{'asin': '{i}', 'categories': [['A', 'B']]}}" for i in "abc"]
    meta.write_text("\n".join(lines) + "\n")
    first, second = map(str, files)
    return [*files, meta], (
        f"amazon(source={first!r},target={second!r},source_meta={str(meta)!r})"
    )


def _coldrec(folder: pathlib.Path) -> tuple[list[pathlib.Path], str]:
    draw, path = random.Random(1), folder / "coldrec.csv"
    lines = [
        ",".join(str(draw.randint(1, 9)) for _ in range(6))
        + f",,{draw.randint(11, 19)},{draw.randint(11, 19)}"
        for _ in range(12)
    ]
    path.write_text("\n".join(lines) + "\n")
    return [path], f"coldrec(path={str(path)!r})"


SAMPLES: dict[str, Sample] = {
    "csv": _both("csv", _delimited(",")),
    "tsv": _both("tsv", _delimited("\t")),
    "gzip": _both("csv.gz", _delimited(",", gzip.open)),
    "json": _both("jsonl", _json_lines),
    "parquet": _both("parquet", _parquet),
    "sqlite": _sqlite,
    "movielens": _movielens,
    "amazon": _amazon,
    "coldrec": _coldrec,
}
