"""Spoilt inputs: every one is read whole, or refused in a sentence.

    python -m benchmarks.fuzz [--cases=10000] [--first=0] [--seed=0]
        [--kinds=csv,parquet]

Small valid inputs of every kind that tfxdr reads are spoilt: bytes are
changed, put in, taken out, repeated, and files end early. Each is then
prepared, or opened. What may happen is a result whose rows add up, each read,
left out and counted, or an `InputError`; anything else is a fault, as is a
file that is left over in the cache. Prints each fault with the number of its
case, which `--first=N --cases=1` runs again, and ends with 1 if there was one.
A tenth of a second a case on two cores.
"""

from __future__ import annotations

import argparse
import collections
import gzip
import json
import pathlib
import random
import shutil
import sqlite3
import sys
import tempfile
import traceback
from collections.abc import Callable

import duckdb

from tfxdr.data.prepare import prepare
from tfxdr.data.prepared import PreparedData
from tfxdr.data.summary import table1
from tfxdr.errors import InputError
from tfxdr.options import Options

_ROWS = 40
# What text readers stumble over.
_TOKENS = (
    *(b"\n", b"\r\n", b'"', b"'", b",", b"\t", b";", b"|", b"\\", b"\x00"),
    *(b"\xff", b"\xef\xbb\xbf", b"nan", b"1e999", b"-", b"{", b"]", b"null"),
    *(b"9" * 30, b"::", b" ", "\u2028é".encode(), b"\x1b[2J", b"0x", b"#"),
)
_LEFT_OVER = (".partial", ".tmp", "work.duckdb", "spill")

# Writes a valid input into a folder; gives the files to spoil, and the text
# that names the data set.
Sample = Callable[[pathlib.Path], tuple[list[pathlib.Path], str]]


def _events(draw: random.Random, items: str) -> list[tuple[str, str, int]]:
    users = [f"u{number}" for number in range(8)]
    return [
        (draw.choice(users), draw.choice(items), 1_700_000_000 + row)
        for row in range(_ROWS)
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
        for row in range(_ROWS)
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
# What is opened and not prepared.
OTHERS = ("prepared", "flagfile")


def spoilt(data: bytes, draw: random.Random) -> bytes:
    """One to four changes at random places."""
    for _ in range(draw.randint(1, 4)):
        start = draw.randrange(len(data) + 1)
        end = min(len(data), start + draw.choice([0, 1, 1, 2, 8, 64]))
        put = draw.choice(
            [
                b"",
                draw.choice(_TOKENS),
                bytes([draw.randrange(256)]),
                data[start:end] * 2,
            ]
        )
        data = data[:start] + put + data[end:]
        if draw.random() < 0.1:
            data = data[: draw.randrange(len(data) + 1)]
    return data


def run_case(kind: str, number: int, seed: int, home: pathlib.Path) -> str:
    """Spoils an input and reads it.

    Returns:
      What came of it: `read`, `refused`, or the fault.
    """
    draw = random.Random(f"{seed} {number}")
    folder = home / "case"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    try:
        if kind == "flagfile":
            _read_flagfile(draw)
        elif kind == "prepared":
            _open_prepared(folder, home, draw)
        else:
            _prepare(SAMPLES[kind], folder, draw)
    except InputError as error:
        return "refused" if str(error).strip() else "an error without a text"
    except Exception:  # noqa: BLE001  Whatever it is, it is a fault.
        return traceback.format_exc()
    return "read"


def _read_flagfile(draw: random.Random) -> None:
    text = spoilt(Options().to_flagfile().encode(), draw)
    Options.from_flagfile(text.decode("utf-8", "surrogateescape"), "o.flags")


def _open_prepared(
    folder: pathlib.Path, home: pathlib.Path, draw: random.Random
) -> None:
    whole = home / "prepared"
    if not whole.is_dir():
        home.joinpath("sample").mkdir()
        _, dataset = SAMPLES["csv"](home / "sample")
        made = prepare(dataset, cache_dir=home / "sample-cache")
        shutil.copytree(made.folder, whole)
    copy = folder / "prepared"
    shutil.copytree(whole, copy)
    path = draw.choice(sorted(copy.iterdir()))
    path.write_bytes(spoilt(path.read_bytes(), draw))
    table1(PreparedData.load(copy).manifest)


def _prepare(sample: Sample, folder: pathlib.Path, draw: random.Random) -> None:
    files, dataset = sample(folder)
    path = draw.choice(files)
    path.write_bytes(spoilt(path.read_bytes(), draw))
    cache = folder / "cache"
    try:
        data = prepare(
            dataset,
            cache_dir=cache,
            split=draw.choice(["random", "leave-one-out"]),
            max_bad_rows=draw.choice([0, 1_000_000]),
        )
        table1(data.manifest)  # raises RuntimeError where rows do not add up
        data.users()
    finally:
        _check_left_over(cache)


def _check_left_over(cache: pathlib.Path) -> None:
    left = [
        str(path.relative_to(cache))
        for path in cache.rglob("*")
        if any(part in path.name for part in _LEFT_OVER)
    ]
    if left:
        raise RuntimeError(f"left over in the cache: {left}")


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--cases", type=int, default=10_000)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--kinds", default=",".join((*SAMPLES, *OTHERS)))
    chosen = parser.parse_args(arguments)
    kinds = chosen.kinds.split(",")
    came: collections.Counter[str] = collections.Counter()
    with tempfile.TemporaryDirectory() as temporary:
        home = pathlib.Path(temporary)
        for number in range(chosen.first, chosen.first + chosen.cases):
            kind = kinds[number % len(kinds)]
            what = run_case(kind, number, chosen.seed, home)
            known = what if what in ("read", "refused") else "fault"
            came[known] += 1
            if known == "fault":
                print(f"case {number} ({kind}): {what}", flush=True)
    print(
        f"{chosen.cases:,} cases: {came['read']:,} read, "
        f"{came['refused']:,} refused, {came['fault']:,} faults"
    )
    return int(came["fault"] > 0)


if __name__ == "__main__":
    sys.exit(main())
