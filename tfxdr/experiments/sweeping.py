"""Many runs: flagfiles with seeds, one process each, in a folder of a sweep.

What is finished is not run again, what was stopped goes on, and what another
process has taken is left to it, so that a sweep can be started again, or by
several processes and machines that share its folder.
"""

from __future__ import annotations

import contextlib
import dataclasses
import datetime
import itertools
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path

from tfxdr.errors import InputError
from tfxdr.experiments.run_folder import claimed
from tfxdr.report.table import format_seconds

_TAIL = 3  # lines of a log that tell why a run failed
_POLL_SECONDS = 1.0


@dataclasses.dataclass(frozen=True)
class Job:
    """A run of a sweep.

    Attributes:
      name: what it is called.
      words: its command line, without the folder.
      folder: of the run; its log lies beside it.
    """

    name: str
    words: Sequence[str]
    folder: Path

    @property
    def log(self) -> Path:
        return self.folder.with_name(f"{self.folder.name}.log")

    @property
    def finished(self) -> bool:
        """Whether the table of its results is there, which comes last."""
        return (self.folder / "results.csv").is_file()

    @property
    def arguments(self) -> list[str]:
        """Its whole command line.

        A run to go on with may be named by how it begins: where there is none
        of this name, nothing is asked for that another one could answer.
        """
        begun = (self.folder / "options.flags").is_file()
        return [
            *(*self.words, f"--run={self.folder}", "--overwrite=false"),
            f"--resume={str(begun).lower()}",
        ]

    def run(self, watch: Callable[[], bool] = lambda: True) -> bool:
        """Runs it in a process of its own; says whether it ended well.

        Args:
          watch: called while it runs; once it says no the run is stopped.
        """
        self.folder.parent.mkdir(parents=True, exist_ok=True)
        command = [sys.executable, "-m", "tfxdr.main", *self.arguments]
        with self.log.open("a", encoding="utf-8") as log:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # Ctrl-C is ours; we pass it on.
            )
            try:
                _wait(process, watch)
            except BaseException:
                process.terminate()  # It writes a checkpoint.
                process.wait()
                raise
        return process.returncode == 0 and self.finished

    def why(self) -> str:
        """The last lines of its log."""
        text = self.log.read_text(encoding="utf-8", errors="replace")
        lines = [line for line in text.splitlines() if line.strip()]
        errors = [line for line in lines if line.startswith("error: ")]
        return "\n".join(errors[-1:] or lines[-_TAIL:])


def _wait(process: subprocess.Popen, watch: Callable[[], bool]) -> None:
    while process.poll() is None:
        if not watch():
            process.terminate()
            process.wait()
            return
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(timeout=_POLL_SECONDS)


def flagfiles(paths: Iterable[str]) -> dict[str, Path]:
    """Flagfiles by a name that tells them apart.

    Args:
      paths: of flagfiles, or of folders that hold some, at any depth.

    Raises:
      InputError: there is none, or a path is not there.
    """
    found: dict[Path, str] = {}
    for text in paths:
        path = Path(text).expanduser()
        if path.is_dir():
            inner = sorted(path.rglob("*.flags"))
            if not inner:
                raise InputError(
                    f"--sweep: expected flagfiles (*.flags) in {path}, found "
                    "none"
                )
            for file in inner:
                name = file.relative_to(path).with_suffix("").as_posix()
                found.setdefault(file, name.replace("/", "-"))
        elif path.is_file():
            found.setdefault(path, path.stem)
        else:
            raise InputError(
                f"--sweep: expected a flagfile or a folder of them, found "
                f"nothing at {path}"
            )
    if not found:
        raise InputError(
            "--sweep: expected flagfiles, or folders of them, with commas"
        )
    by_name: dict[str, list[Path]] = {}
    for path, name in found.items():
        by_name.setdefault(name, []).append(path)
    for name, alike in by_name.items():
        if len(alike) > 1:
            raise InputError(
                "--sweep: expected flagfiles of different names, found "
                f"{' and '.join(map(str, alike))}, which are both {name}; "
                "rename one, or name the folder above them"
            )
    return {name: path for path, name in found.items()}


def run_jobs(jobs: Sequence[Job], say: Callable[[str], None]) -> dict[str, str]:
    """Runs what is missing; returns why each one failed, by name.

    A job that another process runs is waited for, and taken over if that
    process goes before it is done.
    """
    failed: dict[str, str] = {}
    clock = _Clock(len(jobs), say)
    for job in jobs:
        if job.finished:
            clock.known(job.name)
    left = [job for job in jobs if not job.finished]
    while left:
        waiting = []
        for job in left:
            with claim(job.folder) as mine:
                if not mine:
                    waiting.append(job)
                    continue
                if job.finished:  # by another process, meanwhile
                    clock.known(job.name)
                    continue
                start = time.monotonic()
                ended_well = job.run()
                if not ended_well:
                    failed[job.name] = job.why()
                clock.done(job.name, time.monotonic() - start, ended_well)
        if len(waiting) == len(left):
            time.sleep(_POLL_SECONDS)
        left = waiting
    return failed


@contextlib.contextmanager
def claim(folder: Path) -> Iterator[bool]:
    """Whether a run is this process's, until the block ends."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    with contextlib.ExitStack() as stack:
        try:
            lock = folder.with_name(f".{folder.name}.lock")
            stack.enter_context(claimed(lock))
        except InputError:
            yield False
            return
        yield True


class _Clock:
    """Says what is done, and when all will be.

    Args:
      total: how many runs there are.
      say: called with a line for each.
    """

    def __init__(self, total: int, say: Callable[[str], None]) -> None:
        self._total = total
        self._say = say
        self._count = itertools.count(1)
        self._place = 0
        self._seconds: list[float] = []

    def known(self, name: str) -> None:
        self._tell(name, "is there already")

    def done(self, name: str, seconds: float, ended_well: bool) -> None:
        self._seconds.append(seconds)
        text = format_seconds(seconds)
        self._tell(name, text if ended_well else f"FAILED after {text}")

    def _tell(self, name: str, text: str) -> None:
        self._place = next(self._count)
        left = self._total - self._place
        if left > 0 and self._seconds:
            wait = left * sum(self._seconds) / len(self._seconds)
            end = datetime.datetime.now() + datetime.timedelta(seconds=wait)
            text += f"; about {format_seconds(wait)} left, until {end:%H:%M}"
        self._say(f"[{self._place}/{self._total}] {name}: {text}")
