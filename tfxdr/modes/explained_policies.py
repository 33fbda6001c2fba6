"""What `--explain_by` says of policies: who is tuned."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from tfxdr.data.splits import TEST
from tfxdr.errors import InputError
from tfxdr.evaluation import Actions, Ranking
from tfxdr.evaluation.score import Score
from tfxdr.experiments.base import BASELINES
from tfxdr.experiments.run_folder import RunFolder
from tfxdr.experiments.tasks import NextTarget
from tfxdr.experiments.transfer import TransferExperiment
from tfxdr.experiments.transfer_contender import TransferContender
from tfxdr.experiments.user_stories import user_stories
from tfxdr.modes.explanation import Explanation, Folders
from tfxdr.policies import Baseline, Policy
from tfxdr.registry import Spec, policies
from tfxdr.report import story
from tfxdr.report.figures import save_figure
from tfxdr.report.policies import decisions_by_group
from tfxdr.report.subjects import (
    CHANCE,
    COUNTED,
    LEARNED,
    RULE,
    SCRATCH,
    TOLD,
    USERS,
)

PICTURE = "decisions.png"
_USERS = 3


class PoliciesExplained(Explanation):
    """Explains the runs of policies, with a picture and three users.

    Args:
      experiment: has data and options.

    Raises:
      InputError: as of `Explanation`; or the task ranks nothing.
    """

    subject = USERS

    def __init__(self, experiment: TransferExperiment) -> None:
        chosen = experiment.options
        flag = f"--explain_by={chosen.evaluate.explain_by}"
        if not isinstance(experiment.task, NextTarget):
            raise InputError(
                f"{flag}: explains rankings, found "
                f"--task={chosen.task.task}; leave it out"
            )
        super().__init__(experiment)
        self._task = experiment.task
        self._transfer = experiment
        name = chosen.evaluate.explain_by.partition("=")[0]
        self._values = experiment.data.users().attributes[name]

    def _rows(self, folders: Folders) -> list[story.Told]:
        rows = self._counted_rows([spec.name for spec in folders])
        return rows + [
            self._told(
                str(spec),
                self._family(spec),
                Ranking.load(folder.path / "ranks.npz"),
            )
            for spec, folder in folders.items()
        ]

    def _counted_rows(self, beside: Sequence[str]) -> list[story.Told]:
        """Popularity and item-kNN, but for those that are runs themselves."""
        ranker = self._task.rankers(TEST)[0]
        return [
            self._told(
                name,
                COUNTED,
                ranker.rank(self._transfer.fit_baseline(policies.build(name))),
            )
            for name in BASELINES
            if name not in beside
        ]

    def _told(self, name: str, family: str, ranking: Ranking) -> story.Told:
        return story.Told(name, family, Score.of_hits(ranking, self.top))

    def _family(self, spec: Spec) -> str:
        component = self._transfer.component(spec)
        if isinstance(component, Baseline):
            return COUNTED
        assert isinstance(component, Policy)
        if component.is_told:
            return TOLD
        if not component.pretrained:
            return SCRATCH
        backbone = self._transfer.backbone.build(
            num_items=self._transfer.data.num_source_items
        )
        if component.static_actions(len(backbone.blocks)) is not None:
            return RULE
        return LEARNED if component.has_network else CHANCE

    def _decided(self, folders: Folders, base: Path) -> dict[str, str]:
        """Draws who is frozen where, and says it."""
        routed = {
            str(spec): Actions.load(folder.path / "actions.npz")
            for spec, folder in folders.items()
            if (folder.path / "actions.npz").is_file()
        }
        if not routed:
            return {}
        rates: dict[str, dict[str, np.ndarray]] = {}
        for name, actions in routed.items():
            for group, values in actions.rates_by_group(self.groups).items():
                table = rates.setdefault(group, {})
                if self.groups.wanted and not table:
                    truth = float(group == self.groups.wanted)
                    table["should be"] = np.full(len(values), truth)
                table[name] = values
        save_figure(decisions_by_group(rates), base / PICTURE)
        text = story.decisions_text(routed, self.groups)
        return {"Who is tuned": f"{text}\npicture: {base / PICTURE}"}

    def _single_users(self, folders: Folders, best: Spec) -> dict[str, str]:
        """The first test users of each group in turn, chosen by nothing."""
        rows = self._test_users()
        contender = self._transfer.contender(best, folders[best])
        if not isinstance(contender, TransferContender):
            return {}
        text = "\n".join(
            story.user_text(
                one.user,
                self._values[row],
                history=one.history,
                actions=one.actions,
                recommended=one.recommended,
                held_out=one.held_out,
            )
            for row, one in zip(
                rows, user_stories(contender, rows, self.top), strict=True
            )
        )
        return {f"Three users, by {best}": text}

    def _asked(self, folder: RunFolder, user: str) -> list[str]:
        return ["--mode=recommend", f"--run={folder.path}", f"--user={user}"]

    def _test_users(self) -> list[int]:
        targets = self._transfer.users.targets(TEST)
        return _in_turn(self.groups.members, targets.lengths)


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
