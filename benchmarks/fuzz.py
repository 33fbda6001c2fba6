"""Spoilt inputs: every one is read whole, or refused in a sentence.

    python -m benchmarks.fuzz [--cases=10000] [--first=0] [--seed=0]
        [--kinds=csv,parquet]

Small valid inputs of every kind that tfxdr reads are spoilt: bytes are
changed, put in, taken out, repeated, and files end early. Each is then
prepared, or opened: tables and logs; prepared data, a flagfile, a finished run,
a checkpoint, an export without its graph, a file of candidates. What may happen
is a result whose rows add up, each read, left out and counted, or an
`InputError`; anything else is a fault, as is a file that is left over in the
cache. Prints each fault with the number of its
case, which `--first=N --cases=1` runs again, and ends with 1 if there was one.
A tenth of a second a case on two cores.
"""

from __future__ import annotations

import argparse
import collections
import json
import pathlib
import random
import shutil
import sys
import tempfile
import traceback
from collections.abc import Callable

import numpy as np
import tensorflow as tf

from benchmarks.fuzz_samples import ROWS, SAMPLES, Sample
from tfxdr.data.prepare import prepare
from tfxdr.data.prepared import PreparedData
from tfxdr.data.summary import table1
from tfxdr.errors import InputError
from tfxdr.evaluation import Ranking
from tfxdr.experiments.finished_runs import JudgedRun
from tfxdr.options import Options
from tfxdr.report.history import read_history
from tfxdr.serving.export import export
from tfxdr.serving.exported import open_export
from tfxdr.serving.id_files import read_ids
from tfxdr.testing.models import servable_of, transfer_model
from tfxdr.training.checkpoint import restore_variables, save_variables

# What text readers stumble over.
_TOKENS = (
    *(b"\n", b"\r\n", b'"', b"'", b",", b"\t", b";", b"|", b"\\", b"\x00"),
    *(b"\xff", b"\xef\xbb\xbf", b"nan", b"1e999", b"-", b"{", b"]", b"null"),
    *(b"9" * 30, b"::", b" ", "\u2028é".encode(), b"\x1b[2J", b"0x", b"#"),
)
_LEFT_OVER = (".partial", ".tmp", "work.duckdb", "spill")


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


# The graph of a SavedModel is code: whoever loads one trusts it.
_PROGRAMS = (".pb",)


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
        if kind in OTHERS:
            OTHERS[kind](folder, home, draw)
        else:
            _prepare(SAMPLES[kind], folder, draw)
    except InputError as error:
        return "refused" if str(error).strip() else "an error without a text"
    except Exception:  # noqa: BLE001  Whatever it is, it is a fault.
        return traceback.format_exc()
    return "read"


def _read_flagfile(
    folder: pathlib.Path, home: pathlib.Path, draw: random.Random
) -> None:
    del folder, home
    text = spoilt(Options().to_flagfile().encode(), draw)
    Options.from_flagfile(text.decode("utf-8", "surrogateescape"), "o.flags")


def _open_prepared(
    folder: pathlib.Path, home: pathlib.Path, draw: random.Random
) -> None:
    copy = _spoilt_copy(home / "prepared", _make_prepared, folder, draw)
    table1(PreparedData.load(copy).manifest)


def _make_prepared(whole: pathlib.Path) -> None:
    with tempfile.TemporaryDirectory() as name:
        _, dataset = SAMPLES["csv"](pathlib.Path(name))
        made = prepare(dataset, cache_dir=pathlib.Path(name) / "cache")
        shutil.copytree(made.folder, whole)


def _spoilt_copy(
    whole: pathlib.Path,
    make: Callable[[pathlib.Path], None],
    folder: pathlib.Path,
    draw: random.Random,
) -> pathlib.Path:
    """A copy of a folder, made once, in which one file is spoilt."""
    if not whole.is_dir():
        make(whole)
    copy = folder / whole.name
    shutil.copytree(whole, copy)
    path = draw.choice(
        sorted(
            path
            for path in copy.rglob("*")
            if path.is_file() and path.suffix not in _PROGRAMS
        )
    )
    path.write_bytes(spoilt(path.read_bytes(), draw))
    return copy


def _open_run(
    folder: pathlib.Path, home: pathlib.Path, draw: random.Random
) -> None:
    copy = _spoilt_copy(home / "run", _make_run, folder, draw)
    run = JudgedRun.open(copy)
    judged = (run.component, run.seed, run.published, run.judged_by)
    assert judged and run.instances.values
    read_history(copy / "history.csv")


def _make_run(whole: pathlib.Path) -> None:
    whole.mkdir()
    result = {
        "policy": "all",
        "protocol": {"task": "next-target", "seed": 0, "split": "random"},
        "data": {"fingerprint": "0f" * 32, "counts": {"users": 8}},
        "test": {"hr@5": 0.5, "mrr@5": 0.25},
    }
    (whole / "metrics.json").write_text(json.dumps(result, indent=2))
    (whole / "options.flags").write_text(Options().to_flagfile())
    lines = ("stage,epoch,loss", "finetune,1,0.5", "finetune,2,0.25")
    (whole / "history.csv").write_text("\n".join(lines) + "\n")
    rows = np.arange(ROWS)
    Ranking(user=rows, item=rows + 2, rank=rows % 7 + 1).save(
        whole / "ranks.npz"
    )


def _open_checkpoint(
    folder: pathlib.Path, home: pathlib.Path, draw: random.Random
) -> None:
    copy = _spoilt_copy(home / "weights", _make_checkpoint, folder, draw)
    restore_variables(copy, _checkpoint(), remedy="train it again")


def _make_checkpoint(whole: pathlib.Path) -> None:
    save_variables(whole, _checkpoint())


def _checkpoint() -> tf.train.Checkpoint:
    return tf.train.Checkpoint(
        table=tf.Variable(tf.ones([20, 4])), step=tf.Variable(3)
    )


def _open_export(
    folder: pathlib.Path, home: pathlib.Path, draw: random.Random
) -> None:
    copy = _spoilt_copy(home / "export", _make_export, folder, draw)
    _, served = open_export(copy)
    assert len(served.for_history(["s2", "s3"], 3)) == 3


def _make_export(whole: pathlib.Path) -> None:
    servable, _ = servable_of(transfer_model(policy="all"))
    export(servable, whole, titles={"t2": "Alpha"})


def _read_ids(
    folder: pathlib.Path, home: pathlib.Path, draw: random.Random
) -> None:
    del home
    path = folder / "candidates.txt"
    text = "".join(f"t{item}\n" for item in range(ROWS))
    path.write_bytes(spoilt(text.encode(), draw))
    read_ids(path, "--candidates", "raw target ids", once=True)


# What is opened and not prepared.
OTHERS: dict[str, Callable] = {
    "prepared": _open_prepared,
    "flagfile": _read_flagfile,
    "run": _open_run,
    "checkpoint": _open_checkpoint,
    "export": _open_export,
    "candidates": _read_ids,
}


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
