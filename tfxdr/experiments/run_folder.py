"""The folder that a run leaves behind."""

from __future__ import annotations

import collections
import hashlib
import shutil
import uuid
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from tfxdr.errors import InputError
from tfxdr.files import read_json, write_json, write_text
from tfxdr.options import Options
from tfxdr.registry import Spec

# Options that a run may be resumed with, because no result depends on them.
# Plugins may move; the code of what is used of them is compared.
FREE = ("threads", "checkpoint_seconds", "cache_dir", "runs_dir", "plugins")
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

    @property
    def finished(self) -> bool:
        """Whether the run came to its end."""
        return self.metrics.is_file()

    def start(
        self,
        flagfile: str,
        *,
        resume: bool,
        overwrite: bool,
        say: Callable[[str], None],
    ) -> None:
        """Makes the folder, or takes up the run that it holds.

        Args:
          flagfile: options that replay the run.
          resume: go on where a run with these options stopped.
          overwrite: delete what is there.
          say: called with what the user should know.

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
            write_text(self.flags, flagfile)
        elif resume:
            self.check(flagfile, FREE, "--resume")
            changed = self.changed_code(flagfile)
            if changed:
                raise InputError(
                    f"--resume: the code of {', '.join(changed)} has changed "
                    f"since the run in {self.path} was started: bring it "
                    "back, or start anew with --overwrite"
                )
        else:
            state = "a finished" if self.finished else "an unfinished"
            raise InputError(
                f"{self.path} holds {state} run: pass --resume to go on "
                "with it, --overwrite to replace it, or --run=FOLDER for "
                "another place"
            )

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
        before = _lines(Options().to_flagfile()) | _lines(self._before())
        now = _lines(Options().to_flagfile()) | _lines(flagfile)
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
        before = _lines(self._before(), CODE_OF)
        now = _lines(flagfile, CODE_OF)
        names = sorted(before.keys() & now.keys())
        return [name for name in names if before[name] != now[name]]

    def read(self) -> dict:
        """The metrics of a finished run.

        Raises:
          InputError: if there is none.
        """
        if self.finished:
            return read_json(self.metrics)
        inner = sorted(p.parent.name for p in self.path.glob("*/metrics.json"))
        hint = (
            f"it holds the runs {', '.join(inner)}: set --run to one of them"
            if inner
            else "finish it with --resume, or set --run to another folder"
        )
        raise InputError(
            f"{self.path} holds no finished run ({self.metrics.name} is "
            f"missing); {hint}"
        )

    def finish(self, metrics: dict) -> None:
        """Writes the metrics, which marks the run as finished."""
        write_json(self.metrics, metrics)
        shutil.rmtree(self.path / "checkpoints", ignore_errors=True)

    def _before(self) -> str:
        return self.flags.read_text(encoding="utf-8")

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
        """Out of the way first: a half-deleted run looks like none."""
        if self.path.is_dir():
            old = self.path.with_name(f".{self.path.name}.{uuid.uuid4().hex}")
            self.path.rename(old)
            shutil.rmtree(old)


def _lines(flagfile: str, start: str = "--") -> dict[str, str]:
    pairs = (
        line.removeprefix(start).partition("=")
        for line in flagfile.splitlines()
        if line.startswith(start)
    )
    return {key: value for key, _, value in pairs}


def default_folder(options: Options, policy: str) -> Path:
    """Where a run goes by default; the same options give the same folder."""
    text = "\n".join(
        line
        for line in options.to_flagfile().splitlines()
        if not line.startswith(tuple(f"--{name}=" for name in FREE))
    )
    names = (options.data.dataset, options.model.backbone, policy)
    title = "-".join(name.partition("(")[0] for name in names)
    return Path(options.run.runs_dir) / f"{title}-{_hash(text)}"


def folder_names(specs: Sequence[Spec]) -> dict[Spec, str]:
    """What the folders of several components are called.

    By their spelling, with `_` for what a file's name should not hold; of
    those that end up alike, in capitals or not, each has a hash behind it.
    """
    plain = {spec: _as_file_name(str(spec)) for spec in specs}
    times = collections.Counter(name.lower() for name in plain.values())
    return {
        spec: name if times[name.lower()] == 1 else f"{name}-{_hash(str(spec))}"
        for spec, name in plain.items()
    }


def _as_file_name(text: str) -> str:
    return "".join(c if c.isalnum() or c in "-_.=" else "_" for c in text)


def _hash(text: str) -> str:
    return hashlib.blake2b(text.encode(), digest_size=4).hexdigest()
