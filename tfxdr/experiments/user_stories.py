"""What a user did, what was decided for them, and what they are shown."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence

import numpy as np

from tfxdr.data.splits import TEST, TRAIN, UNUSED, VALIDATION
from tfxdr.experiments.transfer import TransferExperiment
from tfxdr.experiments.transfer_contender import TransferContender
from tfxdr.report.recommendations import tuned_text
from tfxdr.types import FIRST_ITEM

_HISTORY = 30  # the latest items that are told of a user


@dataclasses.dataclass(frozen=True)
class UserStory:
    """A test user in titles; in raw ids where there are none.

    Attributes:
      user: raw id.
      history: the latest source items, oldest first.
      actions: which blocks run tuned, in words; "" where none can differ.
      recommended: the best target items, the best first.
      held_out: those of the test.
    """

    user: str
    history: Sequence[str]
    actions: str
    recommended: Sequence[str]
    held_out: Sequence[str]


def user_stories(
    contender: TransferContender, rows: Iterable[int], top: int
) -> list[UserStory]:
    """Tells of users of a finished run.

    Args:
      contender: of the run.
      rows: of the users.
      top: how many items are recommended.

    Raises:
      InputError: the data are no longer those of the run.
    """
    experiment = contender.experiment
    data, users = experiment.data, experiment.users
    seen = users.targets((TRAIN, VALIDATION, UNUSED))
    recommender = contender.recommender(top + int(seen.lengths.max(initial=0)))
    source, target = source_and_target_titles(experiment)
    told = []
    for row in rows:
        history = users.history[row] - FIRST_ITEM
        raw = data.source_ids[history].tolist()
        known = data.target_ids[seen[row] - FIRST_ITEM]
        found = recommender.for_history(raw, top, set(known))
        actions = recommender.actions(raw)
        held_out = users.targets(TEST)[row] - FIRST_ITEM
        told.append(
            UserStory(
                user=users.ids[row].decode(),
                history=source[history][-_HISTORY:].tolist(),
                actions=tuned_text(actions) if actions else "",
                recommended=[one.title or one.item for one in found],
                held_out=target[held_out].tolist(),
            )
        )
    return told


def source_and_target_titles(
    experiment: TransferExperiment,
) -> tuple[np.ndarray, np.ndarray]:
    """Of the items; the raw id where there is none."""
    data = experiment.data
    return (
        _titled(data.source_titles, data.source_ids),
        _titled(data.target_titles, data.target_ids),
    )


def _titled(titles: np.ndarray | None, ids: np.ndarray) -> np.ndarray:
    if titles is None:
        return ids
    return np.where(titles == "", ids, titles)
