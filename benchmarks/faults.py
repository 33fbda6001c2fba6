"""Runs that are killed at random moments, and go on until they are done.

    python -m benchmarks.faults [--kills=100] [--seed=0] [--kinds=joint]

Of each kind one run is left alone. Then others start, each in a folder and with
a cache of its own; after a random time, up to that of the undisturbed run,
SIGKILL hits it in whatever it is doing: preparation, pre-training, fine-tuning,
evaluation or export. `--resume` goes on, and is killed again, up to three
times; the last one is left to end. Metrics then have to be equal to the
undisturbed ones to the last digit, and the files that are left the same.
Prints a line for each run, and ends with 1 if there was a difference. About a
minute for two kills on two cores.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import pathlib
import random
import subprocess
import sys
import tempfile
import time

KINDS = {
    "transfer": (
        "--dataset=planted-policies(users=600,length=12)",
        "--backbone=nextitnet(channels=8,dilations=[1,2,1,2])",
        "--policy=gumbel",
        "--pretrain_epochs=3",
        "--epochs=3",
        "--export_dir=export",
    ),
    "joint": (
        "--dataset=planted(users=300)",
        "--backbone=conet",
        "--meta=bip",
        "--epochs=3",
        "--export_dir=export",
    ),
}
_MOST_KILLS = 3  # of one run
# What tells how long something took, or when it was.
_CLOCKS = ("cost", "seconds", "memory", "versions")


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What a finished run leaves.

    Attributes:
      metrics: by name, without what clocks say.
      files: names below the run's folder, its cache and its export.
    """

    metrics: dict
    files: frozenset[str]

    def differences(self, other: Outcome) -> list[str]:
        """What is not the same in another run, a line each."""
        lines = [
            f"{name}: {self.metrics.get(name)} and {other.metrics.get(name)}"
            for name in sorted(self.metrics.keys() | other.metrics.keys())
            if self.metrics.get(name) != other.metrics.get(name)
        ]
        return lines + [
            f"{name}: in one of the two alone"
            for name in sorted(self.files ^ other.files)
        ]


def start(kind: str, folder: pathlib.Path, *flags: str) -> subprocess.Popen:
    """Starts a run; its output goes to a file beside its folder."""
    folder.mkdir(parents=True, exist_ok=True)
    command = [
        *(sys.executable, "-m", "tfxdr.main", *KINDS[kind]),
        *("--run=run", "--cache_dir=cache", "--threads=1", *flags),
    ]
    # What is imported is this checkout, wherever the run takes place.
    root = str(pathlib.Path(__file__).resolve().parents[1])
    before = os.environ.get("PYTHONPATH")
    path = os.pathsep.join([root, before] if before else [root])
    with open(folder / "output.txt", "a") as output:
        return subprocess.Popen(
            command,
            cwd=folder,
            env=os.environ | {"PYTHONPATH": path},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )


def outcome(folder: pathlib.Path) -> Outcome:
    """What a run that has ended left."""
    metrics = json.loads((folder / "run" / "metrics.json").read_text())
    files = (
        path.relative_to(folder)
        for root in (folder / "run", folder / "cache", folder / "export")
        for path in root.rglob("*")
    )
    return Outcome(
        {k: v for k, v in _flat(metrics) if not _is_clock(k)},
        frozenset(map(_lasting_name, files)),
    )


def _flat(tree: dict, prefix: str = "") -> list[tuple[str, object]]:
    pairs: list[tuple[str, object]] = []
    for key, value in tree.items():
        if isinstance(value, dict):
            pairs += _flat(value, f"{prefix}{key}/")
        else:
            pairs.append((prefix + key, value))
    return pairs


def _is_clock(name: str) -> bool:
    return any(clock in part for part in name.split("/") for clock in _CLOCKS)


def _lasting_name(path: pathlib.Path) -> str:
    """Files of events are named after process and second, one a start."""
    return str(
        path.with_name("events") if path.name.startswith("events.") else path
    )


def undisturbed(kind: str, folder: pathlib.Path) -> tuple[Outcome, float]:
    """A run that nobody kills, and its seconds."""
    begun = time.monotonic()
    _finish(start(kind, folder), folder)
    return outcome(folder), time.monotonic() - begun


def disturbed(
    kind: str, folder: pathlib.Path, seconds: float, draw: random.Random
) -> tuple[Outcome, list[float]]:
    """A run that is killed one to three times, and when it was."""
    moments: list[float] = []
    flags: tuple[str, ...] = ()
    for _ in range(draw.randint(1, _MOST_KILLS)):
        moment = draw.uniform(0, seconds)
        process = start(kind, folder, *flags)
        try:
            process.wait(timeout=moment)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
            moments.append(moment)
        flags = ("--resume",)
        if process.returncode == 0:
            break
    else:
        _finish(start(kind, folder, *flags), folder)
    return outcome(folder), moments


def _finish(process: subprocess.Popen, folder: pathlib.Path) -> None:
    if process.wait():
        last = (folder / "output.txt").read_text()[-2000:]
        sys.exit(f"a run ended with {process.returncode}: {last}")


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--kinds", default=",".join(KINDS))
    chosen = parser.parse_args(arguments)
    kinds = chosen.kinds.split(",")
    draw = random.Random(chosen.seed)
    kills = runs = wrong = 0
    with tempfile.TemporaryDirectory() as temporary:
        root = pathlib.Path(temporary)
        alone = {kind: undisturbed(kind, root / kind) for kind in kinds}
        while kills < chosen.kills:
            kind = kinds[runs % len(kinds)]
            expected, seconds = alone[kind]
            found, moments = disturbed(
                kind, root / f"{kind}-{runs}", seconds, draw
            )
            differences = expected.differences(found)
            kills, runs = kills + len(moments), runs + 1
            wrong += bool(differences)
            after = ", ".join(f"{moment:.1f}" for moment in moments) or "never"
            print(
                f"{kind} {runs}: killed after {after} of {seconds:.1f} s: "
                + ("; ".join(differences) or "the same"),
                flush=True,
            )
    print(f"{kills} kills in {runs} runs: {runs - wrong} the same, {wrong} not")
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main())
