"""Prepared data with items of earlier data, which nobody has any more."""

from __future__ import annotations

import functools
from collections.abc import Mapping

import numpy as np

from tfxdr.data.prepared import PreparedData
from tfxdr.data.users import Users

# Raw ids and titles ("" where unknown) of a domain's items, by domain.
Kept = Mapping[str, Mapping[str, str]]


class GrownData(PreparedData):
    """Prepared data whose vocabularies go on behind their last items.

    No history and no target holds what stands there; a model has rows for it,
    and ranks and recommends it.

    Args:
      data: those of today.
      kept: what stands behind.
    """

    def __init__(self, data: PreparedData, kept: Kept) -> None:
        super().__init__(data.folder, data.manifest, data.source)
        self.kept = kept
        self._data = data

    @property
    def num_source_items(self) -> int:
        return self._data.num_source_items + len(self.kept["source"])

    @property
    def num_target_items(self) -> int:
        return self._data.num_target_items + len(self.kept["target"])

    @functools.cached_property
    def source_ids(self) -> np.ndarray:
        return _behind(self._data.source_ids, self.kept["source"])

    @functools.cached_property
    def target_ids(self) -> np.ndarray:
        return _behind(self._data.target_ids, self.kept["target"])

    @functools.cached_property
    def source_titles(self) -> np.ndarray | None:
        return _titled(self._data.source_titles, self.kept["source"])

    @functools.cached_property
    def target_titles(self) -> np.ndarray | None:
        return _titled(self._data.target_titles, self.kept["target"])

    @functools.cached_property
    def source_categories(self) -> np.ndarray | None:
        return _blank(self._data.source_categories, self.kept["source"])

    @functools.cached_property
    def target_categories(self) -> np.ndarray | None:
        return _blank(self._data.target_categories, self.kept["target"])

    def users(self) -> Users:
        return self._data.users()

    def keep(self, choice: str) -> bool:
        return self._data.keep(choice)


def vanished(now: PreparedData, before: PreparedData) -> Kept:
    """Items that earlier data have, and those of today have not."""
    return {
        "source": _missing(
            now.source_ids, before.source_ids, before.source_titles
        ),
        "target": _missing(
            now.target_ids, before.target_ids, before.target_titles
        ),
    }


def _missing(
    now: np.ndarray, before: np.ndarray, titles: np.ndarray | None
) -> dict[str, str]:
    known = set(now)
    named = np.full(len(before), "", object) if titles is None else titles
    return {
        item: title
        for item, title in zip(before, named, strict=True)
        if item not in known
    }


def _behind(values: np.ndarray, more: Mapping[str, str]) -> np.ndarray:
    return np.concatenate([values, np.array([*more], object)])


def _titled(
    titles: np.ndarray | None, more: Mapping[str, str]
) -> np.ndarray | None:
    if titles is None:
        return None
    return np.concatenate([titles, np.array([*more.values()], object)])


def _blank(
    values: np.ndarray | None, more: Mapping[str, str]
) -> np.ndarray | None:
    return _titled(values, dict.fromkeys(more, ""))
