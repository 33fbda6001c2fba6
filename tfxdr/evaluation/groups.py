"""Groups of what is decided on: users, or source items."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence

import numpy as np

from tfxdr.errors import InputError

_LARGEST = 4  # groups, of an attribute with many values


@dataclasses.dataclass(frozen=True)
class Groups:
    """Who, or what, belongs together, and which group stands out.

    Of users the question is whose blocks should be tuned, of source items
    whose behaviors should count.

    Attributes:
      members: `[rows]` bool by name of the group, of users or of source items.
      wanted: name of the group that should be tuned, or count, as the others
        should not; "" if nobody knows.
    """

    members: Mapping[str, np.ndarray]
    wanted: str = ""

    @classmethod
    def largest(cls, values: np.ndarray) -> Groups:
        """One group for each of the four most frequent values but "".

        Args:
          values: `[rows]` texts.
        """
        names = _by_size(values)[:_LARGEST]
        return cls({name: values == name for name in names})

    @classmethod
    def split_at(
        cls, values: np.ndarray, value: str, flag: str, *, wanted: bool = True
    ) -> Groups | None:
        """Two groups: those of a value, and all others whose value is known.

        None where all have the same, so that nothing is told apart.

        Args:
          values: `[rows]` texts, "" where unknown.
          value: of the first group.
          flag: as it was given, for the error.
          wanted: whether it is the first group that should be tuned, or
            count; otherwise it is the second one.

        Raises:
          InputError: none has the value, and they differ.
        """
        known = _by_size(values)
        if len(known) == 1:
            return None
        if value not in known:
            raise InputError(
                f"{flag}: expected a value that some have and others have "
                f"not, one of {', '.join(known) or 'none'}, found {value!r}"
            )
        others = [name for name in known if name != value]
        other = others[0] if len(others) == 1 else f"not {value}"
        members = {
            value: values == value,
            other: (values != value) & (values != ""),
        }
        return cls(members, value if wanted else other)

    def take(self, rows: np.ndarray) -> dict[str, np.ndarray]:
        """`[n]` bool by name of each group that has one of these rows.

        Args:
          rows: `[n]` of users, or of source items.
        """
        taken = {name: here[rows] for name, here in self.members.items()}
        return {name: here for name, here in taken.items() if here.any()}

    def truth(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray] | None:
        """Which of some rows are wanted, as far as that is known.

        Args:
          rows: `[n]` of users, or of source items.

        Returns:
          `[n]` bool, whether a row is of any group, and `[known]` bool, whether
          each of those is of the wanted one; none if no group is wanted, or
          if the rows are all alike in it.
        """
        found = self.take(rows)
        if self.wanted not in found or len(found) < 2:
            return None
        known = np.any(list(found.values()), axis=0)
        return known, found[self.wanted][known]


def kinds_of(categories: np.ndarray, value: str) -> np.ndarray:
    """Categories, or what stands before their last hyphen if a value does.

    So `harmful` is the kind of `harmful-1` and `harmful-2`, unless there is a
    category of that very name.

    Args:
      categories: `[items]` texts, "" where unknown.
      value: a category, or the kind of several.
    """
    if value in categories:
        return categories
    return np.array(
        [name.rpartition("-")[0] or name for name in categories], object
    )


def _by_size(values: np.ndarray) -> Sequence[str]:
    """Values but "", the most frequent first."""
    known, counts = np.unique(values[values != ""], return_counts=True)
    return known[np.argsort(-counts, kind="stable")].tolist()
