"""How many users have how many events: what a manifest tells of them."""

from __future__ import annotations

import dataclasses

import numpy as np

from tfxdr.data.summary import describe_lengths

_PARTS = ("train", "validation", "test")


def _none() -> np.ndarray:
    return np.zeros(1, np.int64)


@dataclasses.dataclass
class Tally:
    """Counts of users who are seen in any order, and in any number of parts.

    Attributes:
      histories: `[length]` users with a history of that length.
      targets: `[length]` users with so many target instances.
      shared: Users with both.
    """

    histories: np.ndarray = dataclasses.field(default_factory=_none)
    targets: np.ndarray = dataclasses.field(default_factory=_none)
    shared: int = 0

    def add(self, histories: np.ndarray, targets: np.ndarray) -> None:
        """Counts users by their lengths.

        Args:
          histories: `[users]` how long each one's history is.
          targets: `[users]` how many target instances each one has.
        """
        self.merge(
            Tally(
                np.bincount(histories, minlength=1),
                np.bincount(targets, minlength=1),
                int(np.count_nonzero(histories * targets)),
            )
        )

    def merge(self, other: Tally) -> None:
        """Counts the users of another one, who are none of these."""
        self.histories = _sum(self.histories, other.histories)
        self.targets = _sum(self.targets, other.targets)
        self.shared += other.shared

    def to_json(self) -> dict:
        """What `from_json` reads; of lengths that nobody has it has none."""
        return {
            "histories": _sparse(self.histories),
            "targets": _sparse(self.targets),
            "shared": self.shared,
        }

    @classmethod
    def from_json(cls, told: dict) -> Tally:
        """What `to_json` made."""
        return cls(
            _dense(told["histories"]), _dense(told["targets"]), told["shared"]
        )

    def counts(self) -> dict:
        """Those of a manifest."""
        users = int(self.histories.sum())
        with_history, with_targets = (
            int(counts[1:].sum()) for counts in (self.histories, self.targets)
        )
        return {
            "shared_users": self.shared,
            "users_with_history": with_history,
            "users_without_history": users - with_history,
            "users_without_targets": users - with_targets,
            "source_events": _total(self.histories),
            "target_instances": _total(self.targets),
            "history_length": describe_lengths(self.histories),
            "targets_per_user": describe_lengths(self.targets),
        }


def part_sizes(split: np.ndarray) -> dict[str, int]:
    """How many instances are for training, validation and test.

    Args:
      split: `[instances]` int8.
    """
    sizes = np.bincount(split, minlength=len(_PARTS)).tolist()
    return dict(zip(_PARTS, sizes, strict=True))


def _sum(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    total = np.zeros(max(len(one), len(other)), np.int64)
    total[: len(one)] += one
    total[: len(other)] += other
    return total


def _sparse(counts: np.ndarray) -> list[list[int]]:
    lengths = np.flatnonzero(counts)
    return [lengths.tolist(), counts[lengths].tolist()]


def _dense(sparse: list[list[int]]) -> np.ndarray:
    lengths, users = sparse
    counts = np.zeros(max(lengths, default=0) + 1, np.int64)
    counts[lengths] = users
    return counts


def _total(counts: np.ndarray) -> int:
    return int((np.arange(len(counts)) * counts).sum())
