"""The best target items for one user, by raw ids."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from tfxdr.data.prepared import PreparedData
from tfxdr.data.ragged import Ragged
from tfxdr.errors import InputError
from tfxdr.types import FIRST_ITEM, UNKNOWN, Scorer


@dataclasses.dataclass(frozen=True)
class Recommendation:
    """One recommended item.

    Attributes:
      item: raw id.
      score: the model's logit.
      title: "" where the data have none.
    """

    item: str
    score: float
    title: str


class Recommender:
    """Answers with raw ids from a scorer that knows table rows.

    Args:
      data: its vocabularies.
      scorer: the trained model.
      histories: what it reads of each user; their histories by default.
    """

    def __init__(
        self,
        data: PreparedData,
        scorer: Scorer,
        histories: Ragged | None = None,
    ) -> None:
        self._data = data
        self._scorer = scorer
        if histories is None:
            histories = data.users().history
        self._histories = histories
        self._rows = {
            raw: row
            for row, raw in enumerate(data.source_ids, start=FIRST_ITEM)
        }

    def for_user(self, user: str, k: int) -> list[Recommendation]:
        """Recommends to a user of the data; known positives are left out.

        Raises:
          InputError: if the data have no such user.
        """
        row = find_user(self._data, user)
        known = self._data.users().target[row]
        return self._best(self._histories[row], known, k)

    def for_history(
        self, history: Sequence[str], k: int
    ) -> list[Recommendation]:
        """Recommends from source items, oldest first; `unknown` counts them.

        An item that the data do not have is read as the unknown item.
        """
        kept = self._data.manifest["options"]["max_history"]
        rows = [self._rows.get(raw, UNKNOWN) for raw in history[-kept:]]
        return self._best(np.array(rows, np.int32), np.zeros(0, np.int32), k)

    def unknown(self, history: Sequence[str]) -> list[str]:
        """The items of a history that the data do not have."""
        return [raw for raw in history if raw not in self._rows]

    def _best(
        self, history: np.ndarray, known: np.ndarray, k: int
    ) -> list[Recommendation]:
        padded = history if len(history) else np.zeros(1, np.int32)
        scores = np.array(self._scorer(padded[np.newaxis]))[0]
        scores[:FIRST_ITEM] = -np.inf
        scores[known] = -np.inf
        best = np.argsort(-scores, kind="stable")[:k]
        titles = self._data.target_titles
        return [
            Recommendation(
                item=self._data.target_ids[row - FIRST_ITEM],
                score=float(scores[row]),
                title="" if titles is None else titles[row - FIRST_ITEM],
            )
            for row in best
            if np.isfinite(scores[row])
        ]


def find_user(data: PreparedData, user: str) -> int:
    """The row of a raw id.

    Raises:
      InputError: if the data have no such user.
    """
    ids = data.users().ids
    found = np.flatnonzero(ids == user.encode())
    if not len(found):
        raise InputError(
            f"--user={user}: no such user in {data.folder}; users look like "
            f"{ids[0].decode()}"
        )
    return int(found[0])
