"""Runs that are killed at random moments, and go on until they are done.

    python -m benchmarks.faults [--kills=100] [--seed=0] [--kinds=joint,workers]

Of each kind one run is left alone. Then others start, each in a folder and with
a cache of its own; after a random time, up to that of the undisturbed run,
SIGKILL hits it in whatever it is doing: preparation, pre-training, fine-tuning,
evaluation or export. `--resume` goes on, and is killed again, up to three
times; the last one is left to end. Metrics then have to be equal to the
undisturbed ones to the last digit, and the files that are left the same.

Of the kind `workers`, two train together, and one of them is hit; the other one
has to end by itself within a minute, with its sentence. One that waits for the
other to join is told of nothing, and is killed too.

Prints a line for each run, and ends with 1 if there was a difference. About a
minute for two kills on two cores.
"""

from __future__ import annotations

import argparse
import collections
import contextlib
import dataclasses
import json
import os
import pathlib
import random
import socket
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
    "workers": (
        "--distribute=multi-worker",
        "--dataset=synthetic(users=300,source_items=60,target_items=60)",
        "--backbone=sasrec(channels=8,num_blocks=1,dropout=0.2)",
        "--policy=all",
        "--pretrain_epochs=3",
        "--epochs=3",
    ),
}
_TOGETHER = {"workers": 2}  # processes; of other kinds one
_MOST_KILLS = 3  # of one run
_SOON = 60  # seconds in which a worker stops that has lost another one
_OUTPUT = "output.txt"
_EVENTS = "events"  # TensorBoard's
# What tells how long something took, or when it was.
_CLOCKS = ("cost", "seconds", "memory", "versions")


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What a finished run leaves.

    Attributes:
      metrics: by name, without what clocks say.
      files: names below the folder in which it took place, and how often.
    """

    metrics: dict
    files: collections.Counter[str]

    def differences(self, other: Outcome) -> list[str]:
        """What is not the same in another run, a line each."""
        lines = [
            f"{name}: {self.metrics.get(name)} and {other.metrics.get(name)}"
            for name in sorted(self.metrics.keys() | other.metrics.keys())
            if self.metrics.get(name) != other.metrics.get(name)
        ]
        return lines + [
            f"{name}: {self.files[name]} and {other.files[name]}"
            for name in sorted(self.files.keys() | other.files.keys())
            if self.files[name] != other.files[name]
        ]


class Job:
    """The processes of a run; their output goes to files beside its folder.

    Args:
      kind: of the run.
      folder: where it takes place; of several processes, that of the chief.
      flags: beyond those of the kind.
    """

    def __init__(self, kind: str, folder: pathlib.Path, *flags: str) -> None:
        count = _TOGETHER.get(kind, 1)
        more = [folder / f"worker-{index}" for index in range(1, count)]
        self.folders = [folder, *more]
        addresses = _free_addresses(count)
        self.processes = [
            _start(place, [*KINDS[kind], *flags], _cluster(addresses, index))
            for index, place in enumerate(self.folders)
        ]

    def finish(self) -> None:
        """Waits for the end, which has to be a good one."""
        codes = [process.wait() for process in self.processes]
        if any(codes):
            last = (self.folders[0] / _OUTPUT).read_text()[-2000:]
            raise RuntimeError(f"a run ended with {codes}: {last}")

    def disturb(self, after: float, draw: random.Random) -> bool:
        """Kills one of the processes, and sees the others end.

        Args:
          after: seconds; nothing happens where the chief has ended before.
          draw: chooses the one.

        Returns:
          Whether one was killed.

        Raises:
          RuntimeError: another one did not end, or did not say why.
        """
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.processes[0].wait(timeout=after)
            for process in self.processes:
                process.wait()
            return False
        victim = draw.randrange(len(self.processes))
        self.processes[victim].kill()
        self.processes[victim].wait()
        for index, process in enumerate(self.processes):
            if index != victim:
                _see_it_end(process, self.folders[index] / _OUTPUT)
        return True

    @property
    def is_done(self) -> bool:
        """Whether all have ended well."""
        return not any(process.returncode for process in self.processes)


def _see_it_end(process: subprocess.Popen, output: pathlib.Path) -> None:
    """A worker that has lost another one ends, with a sentence."""
    try:
        code = process.wait(timeout=_SOON)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        if not _last_line(output).endswith("waiting for all"):
            raise RuntimeError("a worker did not stop in a minute") from None
        return
    lines = output.read_text().splitlines()
    told = [line for line in lines if line.startswith("error: --distribute=")]
    if code and not told:
        raise RuntimeError(f"a worker ended with {code} and no sentence")


def _last_line(output: pathlib.Path) -> str:
    return (output.read_text().splitlines() or [""])[-1]


def _start(
    folder: pathlib.Path, flags: list[str], more: dict[str, str]
) -> subprocess.Popen:
    folder.mkdir(parents=True, exist_ok=True)
    command = [
        *(sys.executable, "-m", "tfxdr.main", *flags),
        *("--run=run", "--cache_dir=cache", "--threads=1"),
    ]
    # What is imported is this checkout, wherever the run takes place.
    root = str(pathlib.Path(__file__).resolve().parents[1])
    before = os.environ.get("PYTHONPATH")
    path = os.pathsep.join([root, before] if before else [root])
    with open(folder / _OUTPUT, "w") as output:
        return subprocess.Popen(
            command,
            cwd=folder,
            env=os.environ | {"PYTHONPATH": path} | more,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )


def _free_addresses(count: int) -> list[str]:
    with contextlib.ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [f"127.0.0.1:{one.getsockname()[1]}" for one in sockets]


def _cluster(addresses: list[str], index: int) -> dict[str, str]:
    if len(addresses) == 1:
        return {}
    task = {"type": "worker", "index": index}
    config = {"cluster": {"worker": addresses}, "task": task}
    return {"TF_CONFIG": json.dumps(config)}


def outcome(folder: pathlib.Path) -> Outcome:
    """What a run that has ended left."""
    metrics = json.loads((folder / "run" / "metrics.json").read_text())
    files = (
        path.relative_to(folder)
        for path in folder.rglob("*")
        if path.name != _OUTPUT
    )
    names = collections.Counter(map(_lasting_name, files))
    for name in names:
        if name.endswith(_EVENTS):
            names[name] = 1  # of each start one
    return Outcome({k: v for k, v in _flat(metrics) if not _is_clock(k)}, names)


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
    """A name without what counts starts.

    Files of events are named after process and second, checkpoints numbered as
    they are written: one that was not known to be the last is written again.
    """
    if path.name.startswith("events."):
        return str(path.with_name(_EVENTS))
    parts = path.parts
    if "checkpoints" in parts:
        parts = tuple("N" if part.isdecimal() else part for part in parts)
    return "/".join(parts)


def undisturbed(kind: str, folder: pathlib.Path) -> tuple[Outcome, float]:
    """A run that nobody kills, and its seconds."""
    begun = time.monotonic()
    Job(kind, folder).finish()
    return outcome(folder), time.monotonic() - begun


def disturbed(
    kind: str,
    folder: pathlib.Path,
    seconds: float,
    draw: random.Random,
    moments: list[float],
) -> None:
    """A run that is killed one to three times, and goes on until it is done.

    Args:
      kind: of the run.
      folder: where it takes place.
      seconds: those of the undisturbed run.
      draw: chooses when, and which process.
      moments: seconds after which it was killed are added to it.

    Raises:
      RuntimeError: it did not end well.
    """
    flags: tuple[str, ...] = ()
    for _ in range(draw.randint(1, _MOST_KILLS)):
        moment = draw.uniform(0, seconds)
        job = Job(kind, folder, *flags)
        if job.disturb(moment, draw):
            moments.append(moment)
        flags = ("--resume",)
        if job.is_done:
            break
    else:
        Job(kind, folder, *flags).finish()


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
            place, moments = root / f"{kind}-{runs}", []
            try:
                disturbed(kind, place, seconds, draw, moments)
                differences = expected.differences(outcome(place))
            except RuntimeError as error:
                differences = [str(error)]
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
