"""The folder that a run leaves behind."""

from __future__ import annotations

import shutil
from pathlib import Path

from tfxdr.errors import InputError
from tfxdr.files import read_json, write_json, write_text

_FREE = ("threads", "checkpoint_seconds", "cache_dir", "runs_dir")


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

    def start(self, flagfile: str, *, resume: bool, overwrite: bool) -> None:
        """Makes the folder, or takes up the run that it holds.

        Args:
          flagfile: options that replay the run.
          resume: go on where a run with these options stopped.
          overwrite: delete what is there.

        Raises:
          InputError: if a run is in the way, or is another one.
        """
        if overwrite and not resume:
            self._delete()
        if self.flags.is_file():
            if not resume:
                state = "a finished" if self.finished else "an unfinished"
                raise InputError(
                    f"{self.path} holds {state} run: pass --resume to go on "
                    "with it, --overwrite to replace it, or --run=FOLDER for "
                    "another place"
                )
            self._compare(flagfile)
        elif self.path.is_dir() and any(self.path.iterdir()):
            raise InputError(
                f"{self.path} holds files but no run; pass --run=FOLDER for "
                "another place"
            )
        else:
            write_text(self.flags, flagfile)

    def read(self) -> dict:
        """The metrics of a finished run.

        Raises:
          InputError: if there is none.
        """
        if not self.finished:
            raise InputError(
                f"{self.path} holds no finished run: expected "
                f"{self.metrics.name} in it; finish it with --resume, or set "
                "--run to another folder"
            )
        return read_json(self.metrics)

    def finish(self, metrics: dict) -> None:
        """Writes the metrics, which marks the run as finished."""
        write_json(self.metrics, metrics)
        shutil.rmtree(self.path / "checkpoints", ignore_errors=True)

    def _delete(self) -> None:
        if not self.path.exists():
            return
        if any(self.path.iterdir()) and not self.flags.is_file():
            raise InputError(
                f"--overwrite: {self.path} does not look like a run "
                "(options.flags is missing), so it is not deleted"
            )
        shutil.rmtree(self.path)

    def _compare(self, flagfile: str) -> None:
        """Refuses to go on with other options than those of the start."""
        before = _lines(self.flags.read_text(encoding="utf-8"))
        now = _lines(flagfile)
        changed = [
            f"--{key}={now.get(key)} (was {before.get(key)})"
            for key in sorted(before.keys() | now.keys())
            if key not in _FREE and before.get(key) != now.get(key)
        ]
        if changed:
            raise InputError(
                f"--resume: the run in {self.path} was started with other "
                f"options: {', '.join(changed)}; leave them out, or choose "
                "another folder with --run"
            )


def _lines(flagfile: str) -> dict[str, str]:
    pairs = (
        line.removeprefix("--").partition("=")
        for line in flagfile.splitlines()
        if line.startswith("--")
    )
    return {key: value for key, _, value in pairs}
