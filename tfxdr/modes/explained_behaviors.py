"""What `--explain_by` says of meta-learners: which behaviors count."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from tfxdr.data.splits import TEST
from tfxdr.evaluation import BehaviorWeights, Probabilities
from tfxdr.evaluation.score import Score
from tfxdr.experiments.joint import JointExperiment
from tfxdr.experiments.run_folder import RunFolder
from tfxdr.modes.explanation import Explanation, Folders
from tfxdr.registry import Spec
from tfxdr.report import story
from tfxdr.report.behaviors import print_behaviors
from tfxdr.report.subjects import BEHAVIORS, LEARNED, RULE, TOLD

_SHOWN = 3  # most and least useful behaviors of a user


class BehaviorsExplained(Explanation):
    """Explains the runs of meta-learners, with one user's behaviors.

    Args:
      experiment: has data and options.
    """

    subject = BEHAVIORS

    def __init__(self, experiment: JointExperiment) -> None:
        super().__init__(experiment)
        self._joint = experiment

    def _rows(self, folders: Folders) -> list[story.Told]:
        return [
            story.Told(
                str(spec),
                self._family(spec, folder),
                Score.of_auc(
                    Probabilities.load(folder.path / "probabilities.npz")
                ),
            )
            for spec, folder in folders.items()
        ]

    def _family(self, spec: Spec, folder: RunFolder) -> str:
        if self._joint.meta(spec).is_told:
            return TOLD
        return LEARNED if _weights(folder).is_file() else RULE

    def _decided(self, folders: Folders, base: Path) -> dict[str, str]:
        weighed = {
            str(spec): BehaviorWeights.load(_weights(folder))
            for spec, folder in folders.items()
            if _weights(folder).is_file()
        }
        if not weighed:
            return {}
        pictures = [
            f"picture: {_weights(folder).with_suffix('.png')}"
            for spec, folder in folders.items()
            if str(spec) in weighed
        ]
        text = story.weights_text(weighed, self.groups)
        return {"Which behaviors count": "\n".join([text, *pictures])}

    def _single_users(self, folders: Folders, best: Spec) -> dict[str, str]:
        """The first test user's behaviors, if the best run weighs them."""
        if not _weights(folders[best]).is_file():
            return {}
        user = self._joint.users.ids[self._test_users()[0]].decode()
        text = io.StringIO()
        contender = self._joint.contender(best, folders[best])
        print_behaviors(*contender.explain(user, _SHOWN), file=text)
        return {f"Source behaviors of {user}, by {best}": text.getvalue()[:-1]}

    def _asked(self, folder: RunFolder, user: str) -> list[str]:
        mode = "explain" if _weights(folder).is_file() else "recommend"
        return [f"--mode={mode}", f"--run={folder.path}", f"--user={user}"]

    def _test_users(self) -> Sequence[int]:
        """The first one with a test event and a source history."""
        users = self._joint.users
        known = users.targets(TEST).lengths * users.history.lengths
        return np.flatnonzero(known)[:1].tolist()


def _weights(folder: RunFolder) -> Path:
    """Where a run leaves what it makes of source behaviors."""
    return folder.path / "behavior_weights.npz"
