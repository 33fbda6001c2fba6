"""A run under a limit of memory that its data do not fit in: the same metrics?

    sudo python benchmarks/larger_than_memory.py [--users=200000]
        [--length=1000] [--share=0.25] [--folder=FOLDER]

Generated events with times and ratings are prepared without a limit. Then the
same run is made with `--in_memory=false`, without a limit and in a control
group that may take what the program takes by itself (--mode=list, which loads
all of it) and a share of the columns, page cache included; then with
`--in_memory=true` in the same group, which the kernel is to kill. For Linux,
without a swap; needs to be root. 200,000 users of 1,000 events have columns of
3.2 GB; the disk needs six times that.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import duckdb

_ITEMS, _TARGET_USERS, _TARGETS = 200, 25_000, 8
_GROUPS = Path("/sys/fs/cgroup")
# Of version 1 and 2: where groups are, and what limits, counts and lists.
_VERSIONS = (
    ("memory", "memory.limit_in_bytes", "memory.max_usage_in_bytes"),
    (".", "memory.max", "memory.peak"),
)
_RUN = (
    "--backbone=nextitnet(channels=4,dilations=[1,2])",
    "--policy=all",
    "--pretrain_length=20",
    "--pretrain_epochs=1",
    "--epochs=1",
    "--top_n=10",
    "--threads=2",
    "--max_history=1000",
)


def generate(folder: Path, users: int, length: int) -> str:
    """Writes both tables; returns the data set that reads them."""
    tables = {
        "source": (users * length, length, _ITEMS),
        "target": (_TARGET_USERS * _TARGETS, _TARGETS, _ITEMS),
    }
    for name, (rows, each, items) in tables.items():
        if (folder / f"{name}.parquet").exists():  # of an earlier call
            continue
        duckdb.sql(
            f"COPY (SELECT i // {each} AS user, "
            f"hash(i) % {items} AS item, "
            f"1500000000 + i AS timestamp, 1 + hash(i) % 5 AS rating "
            f"FROM range({rows}) t(i)) "
            f"TO '{folder / name}.parquet' (FORMAT parquet)"
        )
    paths = ",".join(f"{name}={folder / name}.parquet" for name in tables)
    return f"events({paths},rating=rating)"


@contextlib.contextmanager
def memory_group(limit: int = 1 << 50) -> Iterator[tuple[Path, str]]:
    """A control group of such a limit, and its file that says the most."""
    for place, most, peak in _VERSIONS:
        folder = _GROUPS / place / f"larger-than-memory-{os.getpid()}"
        with contextlib.suppress(OSError):
            folder.mkdir()
            if (folder / most).exists():
                (folder / most).write_text(str(limit))
                try:
                    yield folder, peak
                finally:
                    folder.rmdir()
                return
            folder.rmdir()
    raise SystemExit("no control group of memory can be made here: be root")


def run(command: list[str], limit: int | None = None) -> dict[str, int]:
    """What a command ended with, and the most memory that it had.

    Args:
      command: a program and its options.
      limit: of all memory of the control group that it runs in, in bytes.
    """
    most = {"RssAnon": 0, "RssFile": 0}
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    start = time.monotonic()
    with memory_group(*([] if limit is None else [limit])) as (group, peak):

        def join() -> None:
            (group / "cgroup.procs").write_text(str(os.getpid()))

        process = subprocess.Popen(
            command, preexec_fn=join, stdout=subprocess.DEVNULL
        )
        while process.poll() is None:
            with contextlib.suppress(OSError):
                text = Path(f"/proc/{process.pid}/status").read_text()
                for line in text.splitlines():
                    name, _, value = line.partition(":")
                    if name in most:
                        size = int(value.split()[0]) << 10
                        most[name] = max(most[name], size)
            time.sleep(0.2)
        group_most = int((group / peak).read_text())
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return {
        "code": process.returncode,
        "seconds": round(time.monotonic() - start),
        "processor": round(after.ru_utime - before.ru_utime)
        + round(after.ru_stime - before.ru_stime),
        "read again": after.ru_majflt - before.ru_majflt,
        **most,
        "group": group_most,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--users", type=int, default=200_000)
    parser.add_argument("--length", type=int, default=1000)
    parser.add_argument("--share", type=float, default=0.25)
    parser.add_argument("--folder", default=None, help="keep the data here")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(chosen.folder or temporary)
        folder.mkdir(parents=True, exist_ok=True)
        compare(folder, chosen)


def compare(folder: Path, chosen: argparse.Namespace) -> None:
    from tfxdr.data.storage import column_bytes

    dataset = generate(folder, chosen.users, chosen.length)
    program = [sys.executable, "-m", "tfxdr.main", f"--dataset={dataset}"]
    program += [f"--cache_dir={folder / 'cache'}", *_RUN]
    start = time.monotonic()
    subprocess.run([*program, "--mode=prepare"], check=True)
    print(f"prepared in {time.monotonic() - start:.0f} s")
    (path,) = folder.glob("cache/data/*/manifest.json")
    size = column_bytes(json.loads(path.read_text()))
    itself = run([*program[:3], "--mode=list"])
    limit = itself["group"] + int(chosen.share * size)
    print(
        f"columns {size / 1e6:,.0f} MB; the program by itself "
        f"{itself['group'] / 1e6:,.0f} MB; limit {limit / 1e6:,.0f} MB"
    )
    for name, limited in (("false", None), ("false", limit), ("true", limit)):
        # What was pre-trained would spare the next run that stage.
        shutil.rmtree(folder / "cache" / "pretrained", ignore_errors=True)
        place = folder / f"run-{name}-{limited or 'free'}"
        command = [*program, f"--in_memory={name}", f"--run={place}"]
        measured = run([*command, "--overwrite"], limited)
        print(f"--in_memory={name}, limit {limited}: {measured}")
        if measured["code"] == 0:
            print(json.loads((place / "metrics.json").read_text())["test"])


if __name__ == "__main__":
    main()
