"""What `--explain_by` adds to a comparison: words, a picture, three users."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tfxdr.data.splits import TEST
from tfxdr.errors import InputError
from tfxdr.evaluation import Actions, Ranking
from tfxdr.experiments.run_folder import RunFolder
from tfxdr.experiments.tasks import NextTarget
from tfxdr.experiments.transfer import TransferContender, TransferExperiment
from tfxdr.experiments.user_stories import user_stories
from tfxdr.policies import Baseline, Policy
from tfxdr.registry import Spec, policies
from tfxdr.report import story
from tfxdr.report.figures import save_figure
from tfxdr.report.policies import decisions_by_group
from tfxdr.types import FIRST_ITEM

if TYPE_CHECKING:
    from tfxdr.experiments.base import Experiment

PICTURE = "decisions.png"
_USERS = 3
_GROUPS = 4  # the largest, of an attribute with many values


class Explanation:
    """Explains the runs of a comparison.

    Args:
      experiment: has data and options.

    Raises:
      InputError: `--explain_by` names no attribute of the data, or a value
        that no user has; or the task ranks nothing.
    """

    def __init__(self, experiment: Experiment) -> None:
        assert isinstance(experiment, TransferExperiment)  # others refuse it
        flag = f"--explain_by={experiment.options.evaluate.explain_by}"
        task = experiment.task
        if not isinstance(task, NextTarget):
            raise InputError(
                f"{flag}: explains rankings, found "
                f"--task={experiment.options.task.task}; leave it out"
            )
        self._task = task
        self._experiment = experiment
        chosen = experiment.options.evaluate
        name, _, self._tuned = chosen.explain_by.partition("=")
        self._top = chosen.top_n[0]
        found = experiment.data.users().attributes
        if name not in found:
            raise InputError(
                f"{flag}: expected an attribute of the users, one of "
                f"{', '.join(found) or 'none'}, found {name!r}"
            )
        self._values = found[name]
        self._groups = _groups(self._values, self._tuned, flag)

    def print(
        self,
        folders: Mapping[Spec, RunFolder],
        base: Path,
        metrics: Sequence[str],
    ) -> None:
        """Says what finished runs show, and draws their decisions.

        Args:
          folders: of the runs.
          base: where the picture goes.
          metrics: keys of the table that is explained.
        """
        rows = self._counted_rows([spec.name for spec in folders])
        rows += [self._row(spec, folder) for spec, folder in folders.items()]
        items = self._experiment.data.num_target_items - FIRST_ITEM
        top = self._top
        parts = {
            "What the numbers mean": story.metrics_text(
                metrics, rows[0].ranking, items
            ),
            "Which differences count": story.star_text(rows, top),
            "What the rows teach": story.lessons(rows, top),
            "Who is tuned": self._decisions(rows, base),
        }
        trained = [row for row in rows if row.family != story.COUNTED]
        best = max(trained or rows, key=lambda row: row.hit_ratio(top))
        spec = next((s for s in folders if str(s) == best.name), None)
        if spec is not None:
            parts[f"Three users, by {spec}"] = self._three_users(
                spec, folders[spec]
            )
            parts["What to type next"] = self._commands(folders[spec], base)
        for title, text in parts.items():
            if text:
                print(f"\n{title}\n{text}")

    def _counted_rows(self, beside: Sequence[str]) -> list[story.Told]:
        """Popularity and item-kNN, but for those that are runs themselves."""
        from tfxdr.experiments.base import BASELINES

        experiment = self._experiment
        ranker = self._task.rankers(TEST)[0]
        return [
            story.Told(
                name,
                story.COUNTED,
                ranker.rank(experiment.fit_baseline(policies.build(name))),
            )
            for name in BASELINES
            if name not in beside
        ]

    def _row(self, spec: Spec, folder: RunFolder) -> story.Told:
        actions = folder.path / "actions.npz"
        return story.Told(
            str(spec),
            self._family(spec),
            Ranking.load(folder.path / "ranks.npz"),
            Actions.load(actions) if actions.is_file() else None,
        )

    def _family(self, spec: Spec) -> str:
        component = self._experiment.component(spec)
        if isinstance(component, Baseline):
            return story.COUNTED
        assert isinstance(component, Policy)
        if component.is_told:
            return story.TOLD
        if not component.pretrained:
            return story.SCRATCH
        backbone = self._experiment.backbone.build(
            num_items=self._experiment.data.num_source_items
        )
        if component.static_actions(len(backbone.blocks)) is not None:
            return story.RULE
        return story.LEARNED if component.has_network else story.CHANCE

    def _decisions(self, rows: Sequence[story.Told], base: Path) -> str:
        """Draws who is frozen where, and says it."""
        routed = [row for row in rows if row.actions is not None]
        if not routed:
            return ""
        rates: dict[str, dict[str, np.ndarray]] = {}
        for row in routed:
            assert row.actions is not None
            found = story.rates_by_group(row.actions, self._groups)
            for group, values in found.items():
                table = rates.setdefault(group, {})
                if self._tuned and not table:
                    truth = float(group == self._tuned)
                    table["should be"] = np.full(len(values), truth)
                table[row.name] = values
        save_figure(decisions_by_group(rates), base / PICTURE)
        text = story.decisions_text(routed, self._groups, self._tuned)
        return f"{text}\npicture: {base / PICTURE}"

    def _three_users(self, spec: Spec, folder: RunFolder) -> str:
        """The first test users of each group in turn, chosen by nothing."""
        targets = self._experiment.users.targets(TEST)
        rows = _in_turn(self._groups, targets.lengths)
        contender = self._experiment.contender(spec, folder)
        if not isinstance(contender, TransferContender):
            return ""
        return "\n".join(
            story.user_text(
                one.user,
                self._values[row],
                history=one.history,
                actions=one.actions,
                recommended=one.recommended,
                held_out=one.held_out,
            )
            for row, one in zip(
                rows, user_stories(contender, rows, self._top), strict=True
            )
        )

    def _commands(self, folder: RunFolder, base: Path) -> str:
        """Three that work as they stand, in the folder of this one."""
        experiment = self._experiment
        row = _in_turn(self._groups, experiment.users.targets(TEST).lengths)[0]
        user = experiment.users.ids[row].decode()
        seed = experiment.options.seed + 1
        options = base / "options.flags"
        again = f"{base}-seed-{seed}"
        commands = (
            ["--mode=recommend", f"--run={folder.path}", f"--user={user}"],
            [f"--flagfile={options}", f"--seed={seed}", f"--run={again}"],
            ["--mode=list"],
        )
        return "\n".join(
            f"  {program()} {shlex.join(command)}" for command in commands
        )


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


def _groups(values: np.ndarray, tuned: str, flag: str) -> dict[str, np.ndarray]:
    """`[users]` bool by value of an attribute, the named one first."""
    known, counts = np.unique(values[values != ""], return_counts=True)
    by_size = known[np.argsort(-counts, kind="stable")].tolist()
    if not tuned:
        return {value: values == value for value in by_size[:_GROUPS]}
    if tuned not in by_size or len(by_size) < 2:
        raise InputError(
            f"{flag}: expected a value that some users have and others have "
            f"not, one of {', '.join(by_size)}, found {tuned!r}"
        )
    others = [value for value in by_size if value != tuned]
    name = others[0] if len(others) == 1 else f"not {tuned}"
    return {
        tuned: values == tuned,
        name: (values != tuned) & (values != ""),
    }


def _in_turn(
    groups: Mapping[str, np.ndarray], instances: np.ndarray
) -> list[int]:
    """Rows of the first users with test instances, a group after another."""
    queues = [
        np.flatnonzero(here & (instances > 0)) for here in groups.values()
    ]
    order = [
        (place, group, int(row))
        for group, rows in enumerate(queues)
        for place, row in enumerate(rows[:_USERS])
    ]
    return [row for _, _, row in sorted(order)[:_USERS]]
