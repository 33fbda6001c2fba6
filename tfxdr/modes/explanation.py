"""What `--explain_by` adds to a comparison: words, and what to type next."""

from __future__ import annotations

import abc
import os
import shlex
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from tfxdr.evaluation import Ranking
from tfxdr.evaluation.groups import Groups
from tfxdr.experiments.base import Experiment
from tfxdr.experiments.run_folder import RunFolder
from tfxdr.registry import Spec
from tfxdr.report import story
from tfxdr.report.subjects import COUNTED, TOLD, Subject
from tfxdr.start_up import printable
from tfxdr.types import FIRST_ITEM

Folders = Mapping[Spec, RunFolder]


class Explanation(abc.ABC):
    """Explains the runs of a comparison.

    Args:
      experiment: has data and options.

    Attributes:
      subject: what the rows decide on.
      top: the N of HR@N.

    Raises:
      InputError: `--explain_by` names no attribute of the data, or a value
        that nobody has.
    """

    subject: Subject

    def __init__(self, experiment: Experiment) -> None:
        found = experiment.groups
        assert found is not None  # the option is there
        self.groups: Groups = found
        self.top = experiment.options.evaluate.top_n[0]
        self._experiment = experiment

    def print(
        self, folders: Folders, base: Path, metrics: Sequence[str]
    ) -> None:
        """Says what finished runs show.

        Args:
          folders: of the runs.
          base: where pictures go.
          metrics: keys of the table that is explained.
        """
        rows = self._rows(folders)
        first = next(iter(folders.values()))
        ranking = Ranking.load(first.path / "ranks.npz")
        items = self._experiment.data.num_target_items - FIRST_ITEM
        parts = {
            "What the numbers mean": story.metrics_text(
                metrics, ranking, items
            ),
            "Which differences count": story.star_text(rows),
            "What the rows teach": story.lessons(rows, self.subject),
            **self._decided(folders, base),
        }
        # An oracle cannot be asked about users whom nobody has told it of.
        own = [row for row in rows if row.family not in (COUNTED, TOLD)]
        best = max(own or rows, key=lambda row: row.score.value)
        spec = next((s for s in folders if str(s) == best.name), None)
        if spec is not None:
            parts |= self._single_users(folders, spec)
            parts["What to type next"] = self._commands(folders[spec], base)
        for title, text in parts.items():
            if text:
                print(printable(f"\n{title}\n{text}", keep="\n"))

    @abc.abstractmethod
    def _rows(self, folders: Folders) -> list[story.Told]:
        """What is compared."""

    @abc.abstractmethod
    def _decided(self, folders: Folders, base: Path) -> dict[str, str]:
        """What was decided of each group, in words by their title."""

    @abc.abstractmethod
    def _single_users(self, folders: Folders, best: Spec) -> dict[str, str]:
        """What some users see, in words by their title."""

    @abc.abstractmethod
    def _asked(self, folder: RunFolder, user: str) -> list[str]:
        """A command that asks the best run about a user."""

    def _commands(self, folder: RunFolder, base: Path) -> str:
        """Three that work as they stand, in the folder of this one."""
        experiment = self._experiment
        row = self._test_users()[0]
        user = experiment.users.ids[row].decode()
        seed = experiment.options.seed + 1
        options = base / "options.flags"
        again = f"{base}-seed-{seed}"
        commands = (
            self._asked(folder, user),
            [f"--flagfile={options}", f"--seed={seed}", f"--run={again}"],
            ["--mode=list"],
        )
        return "\n".join(
            f"  {program()} {shlex.join(command)}" for command in commands
        )

    @abc.abstractmethod
    def _test_users(self) -> Sequence[int]:
        """Rows of the users who are shown, chosen by nothing."""


def program() -> str:
    """How this process was started, to be typed again in its folder."""
    script = Path(sys.argv[0])
    if script.name == "tfxdr":
        found = shutil.which("tfxdr")
        same = found is not None and os.path.samefile(found, script)
        return "tfxdr" if same else shlex.quote(str(script))
    python = Path(sys.executable)
    found = shutil.which("python")
    # By its place and not its content: environments link to one interpreter.
    if found is not None and os.path.abspath(found) == str(python):
        return "python -m tfxdr.main"
    if python.is_relative_to(Path.cwd()):
        python = python.relative_to(Path.cwd())
    return f"{shlex.quote(str(python))} -m tfxdr.main"
