"""The folder that a run leaves behind."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import socket
import uuid
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import IO

from tfxdr.errors import InputError
from tfxdr.files import explain, read_json, write_json, write_text
from tfxdr.folders import leave_if_empty, staying
from tfxdr.options import Options
from tfxdr.options.earlier import unspoken

# Options that a run may be resumed with, because no result depends on them.
# Plugins may move; the code of what is used of them is compared.
FREE = ("threads", "checkpoint_seconds", "cache_dir", "runs_dir", "plugins")
# What may be raised when a run goes on: it ends as if it had been so at once.
_MORE = ("epochs", "patience")
_LOCK = ".lock"
CODE_OF = "# code of "  # a line of the flagfile, for each plugin's component


class RunFolder:
    """Names of a run's files, and when they may be written.

    Args:
      path: the folder.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.flags = path / "options.flags"
        self.metrics = path / "metrics.json"
        self.weights = path / "weights"
        self.checkpoints = path / "checkpoints"
        self.vanished = path / "vanished.json"  # items beside those of the data

    @property
    def finished(self) -> bool:
        """Whether the run came to its end."""
        return self.metrics.is_file()

    @contextlib.contextmanager
    def held(self) -> Iterator[None]:
        """The folder is this process's alone until the block ends.

        What a dead process held is free. If somebody removes it, it is not
        made again.

        Raises:
          InputError: another process holds it, or it cannot be made.
        """
        self._check_place()
        above = (self.path, *self.path.parents)
        made = [folder for folder in above if not folder.exists()]
        with contextlib.ExitStack() as stack:
            try:
                self.path.mkdir(parents=True, exist_ok=True)
                stack.callback(leave_if_empty, made)
                stack.enter_context(claimed(self.path / _LOCK))
                stack.enter_context(staying(self.path))
            except OSError as error:
                flags = "--run or --runs_dir"
                raise explain(error, self.path, flags) from error
            yield

    def start(
        self,
        flagfile: str,
        *,
        resume: bool,
        overwrite: bool,
        say: Callable[[str], None],
        about: str = "",
        free: Iterable[str] = (),
    ) -> None:
        """Makes the folder, or takes up the run that it holds.

        Args:
          flagfile: options that replay the run.
          resume: go on where a run with these options stopped.
          overwrite: delete what is there.
          say: called with what the user should know.
          about: lines to keep beside the options, comments for absl.
          free: names of options that may differ, beside those that no result
            depends on.

        Raises:
          InputError: if a run is in the way, or is another one.
        """
        if resume and overwrite:
            raise InputError(
                "--resume goes on with a run and --overwrite deletes it: "
                "pass one of the two"
            )
        self._check_place()
        if overwrite:
            self._delete()
        if not self.flags.is_file():
            if resume:
                say(f"{self.path} holds no run to resume: starting one")
            write_text(self.flags, flagfile + about)
        elif resume:
            more = self._more(flagfile)
            self.check(flagfile, (*FREE, *free, *more), "--resume")
            changed = self.changed_code(flagfile)
            if changed:
                raise InputError(
                    f"--resume: the code of {', '.join(changed)} has changed "
                    f"since the run in {self.path} was started: bring it "
                    "back, or start anew with --overwrite"
                )
            if more:
                self._reopen(more, say)
                write_text(self.flags, flagfile + about)
        else:
            state = "a finished" if self.finished else "an unfinished"
            raise InputError(
                f"{self.path} holds {state} run: pass --resume to go on "
                "with it, --overwrite to replace it, or --run=FOLDER for "
                "another place"
            )

    def _more(self, flagfile: str) -> dict[str, str]:
        """Options that ask for more than the run had, and in what words."""
        before, now = flags_of(self.before()), flags_of(flagfile)
        return {
            key: f"--{key}={now[key]} (was {before[key]})"
            for key in _MORE
            if key in before and key in now and int(now[key]) > int(before[key])
        }

    def _reopen(self, more: dict[str, str], say: Callable[[str], None]) -> None:
        """Makes a run one that is to go on.

        Raises:
          InputError: it cannot end as if it had had more at once.
        """
        asked = ", ".join(more.values())
        before = flags_of(self.before())
        schedule = before.get("lr_schedule", "constant")
        if "epochs" in more and schedule != "constant":
            raise InputError(
                f"--resume: {asked} would change the rates of the epochs that "
                f"are done, which --lr_schedule={schedule} spreads over all; "
                "start anew with --overwrite"
            )
        done = self.read().get("validation") if self.finished else None
        if done is None:
            return  # What only counts has no epochs.
        if not self.checkpoints.is_dir():
            raise InputError(
                f"--resume: the run in {self.path} is finished and has no "
                f"checkpoint to go on from, found {asked}; start anew with "
                "--overwrite"
            )
        if "patience" not in more and done["epochs"] < int(before["epochs"]):
            say(
                f"note: training had stopped after epoch {done['epochs']} of "
                "itself: without a higher --patience it stays so"
            )
        self.metrics.unlink()

    def check(self, flagfile: str, free: Iterable[str], why: str) -> None:
        """Refuses options that are not those of the run.

        Args:
          flagfile: the options now.
          free: names that may differ.
          why: the flag that asked for this run.

        Raises:
          InputError: names what differs.
        """
        # An option that the run's tfxdr did not have yet had its default.
        before = flags_of(Options().to_flagfile()) | flags_of(self.before())
        now = flags_of(Options().to_flagfile()) | flags_of(flagfile)
        changed = [
            f"--{key}={now.get(key)} (was {before.get(key)})"
            for key in sorted((before.keys() | now.keys()) - set(free))
            if before.get(key) != now.get(key)
        ]
        if changed:
            raise InputError(
                f"{why}: the run in {self.path} was started with other "
                f"options: {', '.join(changed)}; leave them out, or choose "
                "another folder with --run"
            )

    def changed_code(self, flagfile: str) -> list[str]:
        """Components of plugins whose code is not that of the run.

        Those that the run had not, such as a metric to evaluate it by, do not
        count.
        """
        before = flags_of(self.before(), CODE_OF)
        now = flags_of(flagfile, CODE_OF)
        names = sorted(before.keys() & now.keys())
        return [name for name in names if before[name] != now[name]]

    def read(self, flag: str = "--run") -> dict:
        """The metrics of a finished run.

        Args:
          flag: the option that names it, for the message.

        Raises:
          InputError: if there is none.
        """
        if self.finished:
            return read_json(self.metrics)
        inner = sorted(p.parent.name for p in self.path.glob("*/metrics.json"))
        hint = (
            f"it holds the runs {', '.join(inner)}: set {flag} to one of them"
            if inner
            else f"finish it with --resume, or set {flag} to another folder"
        )
        raise InputError(
            f"{self.path} holds no finished run ({self.metrics.name} is "
            f"missing); {hint}"
        )

    def finish(self, metrics: dict) -> None:
        """Writes the metrics, which marks the run as finished.

        The last checkpoint stays, for a run that is to go on by more epochs.

        Raises:
          InputError: the folder is no longer the one that was started in.
        """
        if not self.flags.is_file():
            raise InputError(
                f"{self.path}: expected the {self.flags.name} of this run, "
                "found none: its folder was removed or moved while it went "
                "on; start it again, and delete what is left there"
            )
        write_json(self.metrics, metrics)

    def before(self) -> str:
        """The options that the run was started with, as a flagfile.

        Raises:
          InputError: they cannot be read.
        """
        try:
            text = self.flags.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(
                f"{self.flags} is damaged ({error}); start the run again with "
                "--overwrite"
            ) from error
        return "\n".join([*unspoken(text), text])

    def _check_place(self) -> None:
        if self.path.exists() and not self.path.is_dir():
            raise InputError(
                f"{self.path} is a file: expected a folder for the run; pass "
                "another with --run"
            )
        if self._files() and not self.flags.is_file():
            raise InputError(
                f"{self.path} holds files but no run (options.flags is "
                "missing); pass --run=FOLDER for another place"
            )

    def _files(self) -> list[Path]:
        """What is there, but for what a killed process was writing."""
        if not self.path.is_dir():
            return []
        return [p for p in self.path.iterdir() if not p.name.startswith(".")]

    def _delete(self) -> None:
        """All but the lock, the options last: what is left of a deletion
        that was interrupted is a run, which can be overwritten again."""
        if not self.path.is_dir():
            return
        names = {path.name for path in self.path.iterdir()} - {_LOCK}
        old = self.path / f".old.{uuid.uuid4().hex}"
        old.mkdir()
        for name in sorted(names, key=lambda name: name == self.flags.name):
            (self.path / name).rename(old / name)
        shutil.rmtree(old)


@contextlib.contextmanager
def claimed(path: Path) -> Iterator[None]:
    """A lock file that is this process's alone, and then is gone.

    Raises:
      InputError: another process holds it.
    """
    while True:
        with open(path, "a+", encoding="utf-8") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                file.seek(0)
                holder = file.read().strip() or "another process"
                raise InputError(
                    f"{path.parent} is in use by {holder}: wait for its end, "
                    "or choose another folder with --run"
                ) from None
            # Whoever had it may have removed it since it was opened.
            if not _is_there(file, path):
                continue
            try:
                file.truncate(0)
                file.write(f"process {os.getpid()} on {socket.gethostname()}")
                file.flush()
                yield
            finally:
                path.unlink(missing_ok=True)  # before the lock goes
            return


def _is_there(file: IO[str], path: Path) -> bool:
    """Whether a path still leads to an open file."""
    try:
        return os.path.samestat(os.fstat(file.fileno()), path.stat())
    except FileNotFoundError:
        return False


def flags_of(flagfile: str, start: str = "--") -> dict[str, str]:
    """Lines of a run's flagfile that begin alike, as text by name."""
    pairs = (
        line.removeprefix(start).partition("=")
        for line in flagfile.splitlines()
        if line.startswith(start)
    )
    return {key: value for key, _, value in pairs}
